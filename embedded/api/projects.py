"""Organisation, projects and client keys."""

import re
from typing import Annotated, Any

import apsw
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from embedded.api.context import (
    ORGANIZATION_ID,
    ORGANIZATION_SLUG,
    TEAM_SLUG,
    Context,
    Ctx,
    Org,
    find_project,
    invalid,
    not_found,
    stamp,
)
from embedded.store.projects import (
    Project,
    ProjectKey,
    add_key,
    add_project,
    first_token_at,
    list_keys,
    list_projects,
)

router = APIRouter()
MAX_NAME = 50
MAX_SLUG = 100


class NewProject(BaseModel):
    """Body of a project's creation."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    slug: Annotated[str | None, Field(max_length=MAX_SLUG, pattern=r"^[a-z0-9_-]*[a-z_-][a-z0-9_-]*$")] = None
    platform: str | None = None


class NewKey(BaseModel):
    """Body of a client key's creation."""

    name: Annotated[str, Field(max_length=64)] = "Default"


@router.get("/organizations/")
def organizations(context: Ctx) -> list[dict[str, Any]]:
    """The one organisation of this engine."""
    return [_organization(context)]


@router.get("/organizations/{organization}/")
def organization_details(context: Ctx, organization: Org) -> dict[str, Any]:  # noqa: ARG001 - checked by its dependency
    return _organization(context)


@router.get("/organizations/{organization}/projects/")
def projects(context: Ctx, organization: Org) -> list[dict[str, Any]]:  # noqa: ARG001
    return [_project(project) for project in list_projects(context.read())]


@router.post("/teams/{organization}/{team}/projects/", status_code=201)
def create_project(context: Ctx, organization: Org, team: str, body: NewProject) -> dict[str, Any]:  # noqa: ARG001
    """Make a project. 409 when its slug is taken."""
    if team != TEAM_SLUG:
        raise not_found()
    slug = body.slug or re.sub(r"[^a-z0-9_-]+", "-", body.name.lower()).strip("-")
    if not slug or slug.isdigit():  # a project is found by slug or id, so a slug must not look like an id
        raise invalid("slug", f"The name {body.name!r} makes no slug; pass one with at least one letter.")
    now = context.now()
    try:
        return _project(context.write(lambda connection: add_project(connection, slug, body.name, body.platform, now)))
    except apsw.ConstraintError:
        raise HTTPException(409, "A project with this slug already exists.") from None


@router.get("/projects/{organization}/{project}/")
def project_details(context: Ctx, organization: Org, project: str) -> dict[str, Any]:  # noqa: ARG001
    return _project(find_project(context, project))


@router.get("/projects/{organization}/{project}/keys/")
def keys(context: Ctx, organization: Org, project: str) -> list[dict[str, Any]]:  # noqa: ARG001
    found = find_project(context, project)
    return [_key(context, key) for key in list_keys(context.read(), found.id)]


@router.post("/projects/{organization}/{project}/keys/", status_code=201)
def create_key(context: Ctx, organization: Org, project: str, body: NewKey) -> dict[str, Any]:  # noqa: ARG001
    found, now = find_project(context, project), context.now()
    return _key(context, context.write(lambda connection: add_key(connection, found.id, body.name, now)))


def _organization(context: Context) -> dict[str, Any]:
    return {
        "id": ORGANIZATION_ID,
        "slug": ORGANIZATION_SLUG,
        "name": "Sentry",
        "status": {"id": "active", "name": "active"},
        "dateCreated": stamp(first_token_at(context.read())),
        "features": [],
        "isEarlyAdopter": False,
        "require2FA": False,
        "avatar": {"avatarType": "letter_avatar", "avatarUuid": None, "avatarUrl": None},
        "hasAuthProvider": False,
        "allowMemberInvite": False,
        "allowMemberProjectCreation": False,
        "allowSuperuserAccess": False,
        "links": {"organizationUrl": context.url, "regionUrl": context.url},
    }


def _project(project: Project) -> dict[str, Any]:
    team = {"id": "1", "slug": TEAM_SLUG, "name": "Sentry"}
    return {
        "id": str(project.id),
        "slug": project.slug,
        "name": project.name,
        "platform": project.platform,
        "dateCreated": stamp(project.created_at),
        "status": "active",
        "isBookmarked": False,
        "isMember": True,
        "features": [],
        "hasAccess": True,
        "team": team,
        "teams": [team],
        "organization": {"id": ORGANIZATION_ID, "slug": ORGANIZATION_SLUG, "name": "Sentry"},
    }


def _key(context: Context, key: ProjectKey) -> dict[str, Any]:
    host = context.url.partition("://")[2]
    public = f"http://{key.public_key}@{host}/{key.project_id}"
    api = f"{context.url}/api/{key.project_id}"
    return {
        "id": key.public_key,
        "name": key.label,
        "label": key.label,
        "public": key.public_key,
        "secret": key.secret_key,
        "projectId": key.project_id,
        "isActive": key.is_active,
        "rateLimit": None,
        "dsn": {
            "public": public,
            "secret": f"http://{key.public_key}:{key.secret_key}@{host}/{key.project_id}",
            **{
                name: f"{api}/{path}/?sentry_key={key.public_key}"
                for name, path in (
                    ("csp", "csp-report"),
                    ("security", "security"),
                    ("minidump", "minidump"),
                    ("nel", "nel"),
                )
            },
            "unreal": f"{api}/unreal/{key.public_key}/",
            "playstation": f"{api}/playstation/?sentry_key={key.public_key}",
            "crons": f"{api}/cron/___MONITOR_SLUG___/{key.public_key}/",
            "integration": f"{api}/integration/",
            "otlp_traces": f"{api}/integration/otlp/v1/traces/",
            "otlp_logs": f"{api}/integration/otlp/v1/logs/",
            "cdn": "",
        },
        "browserSdkVersion": "",
        "browserSdk": {"choices": []},
        "dateCreated": stamp(key.created_at),
        "dynamicSdkLoaderOptions": {
            "hasReplay": False,
            "hasPerformance": False,
            "hasDebug": False,
            "hasFeedback": False,
            "hasLogsAndMetrics": False,
        },
    }
