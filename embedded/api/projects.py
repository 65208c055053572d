"""Organisation and projects, with how a project filters and scrubs what it is sent."""

import re
from typing import Annotated, Any

import apsw
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from embedded.api.context import (
    ORGANIZATION_ID,
    ORGANIZATION_SLUG,
    TEAM_ID,
    TEAM_SLUG,
    Context,
    Ctx,
    Org,
    find_project,
    invalid,
    not_found,
    stamp,
)
from embedded.api.paging import Listed
from embedded.store.options import project_options, set_project_options
from embedded.store.projects import (
    Project,
    add_project,
    first_token_at,
    list_projects,
    update_project,
)

router = APIRouter()
MAX_NAME = 50
MAX_SLUG = 100
MAX_GLOB = 400  # characters of a filter or field name
MAX_GLOBS = 100


OPTIONS = {"filters:releases": "filter_releases", "filters:error_messages": "filter_error_messages"}
Lines = Annotated[list[Annotated[str, Field(min_length=1, max_length=MAX_GLOB)]], Field(max_length=MAX_GLOBS)]


class ChangedProject(BaseModel):
    """Body of a project's change; what is left out stays. Anything this engine has not is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    name: Annotated[str | None, Field(min_length=1, max_length=MAX_NAME)] = None
    platform: str | None = None
    allowed_domains: Lines | None = None
    data_scrubber: bool | None = None
    data_scrubber_defaults: bool | None = None
    sensitive_fields: Lines | None = None
    safe_fields: Lines | None = None
    scrub_ip_addresses: Annotated[bool | None, Field(alias="scrubIPAddresses")] = None
    options: dict[str, str] = {}

    @field_validator("options")
    @classmethod
    def _check_options(cls, options: dict[str, str]) -> dict[str, str]:
        for name, text in options.items():
            if name not in OPTIONS:
                raise ValueError(f"{name!r}, allowed are {', '.join(OPTIONS)}")
            if len(lines(text)) > MAX_GLOBS or any(len(line) > MAX_GLOB for line in lines(text)):
                raise ValueError(f"{name}: at most {MAX_GLOBS} lines of {MAX_GLOB} characters")
        return options

    def changes(self) -> dict[str, Any]:
        """What is asked for, under the names of `ProjectOptions`."""
        named = {name: getattr(self, name) for name in self.model_fields_set - {"name", "platform", "options"}}
        given = {name: value for name, value in named.items() if value is not None}
        return given | {OPTIONS[name]: lines(text) for name, text in self.options.items()}


class NewProject(BaseModel):
    """Body of a project's creation."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    slug: Annotated[str | None, Field(max_length=MAX_SLUG, pattern=r"^[a-z0-9_-]*[a-z_-][a-z0-9_-]*$")] = None
    platform: str | None = None


@router.get("/organizations/")
def organizations(context: Ctx) -> list[dict[str, Any]]:
    """The one organisation of this engine."""
    return [_organization(context)]


@router.get("/organizations/{organization}/")
def organization_details(context: Ctx, organization: Org) -> dict[str, Any]:  # noqa: ARG001 - checked by its dependency
    return _organization(context)


@router.get("/organizations/{organization}/projects/")
def projects(context: Ctx, organization: Org, listed: Listed) -> list[dict[str, Any]]:  # noqa: ARG001
    return listed.of([project_body(project) for project in list_projects(context.read())])


@router.get("/teams/{organization}/{team}/projects/")
def team_projects(context: Ctx, organization: Org, team: str, listed: Listed) -> list[dict[str, Any]]:
    if team not in (TEAM_SLUG, TEAM_ID):
        raise not_found()
    return projects(context, organization, listed)


@router.post("/organizations/{organization}/projects/", status_code=201)
def create_personal_project(context: Ctx, organization: Org, body: NewProject) -> dict[str, Any]:
    """Sentry would make a team for it; here it gets the one that there is."""
    return create_project(context, organization, TEAM_SLUG, body)


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
        return project_body(
            context.write(lambda connection: add_project(connection, slug, body.name, body.platform, now))
        )
    except apsw.ConstraintError:
        raise HTTPException(409, "A project with this slug already exists.") from None


@router.get("/projects/{organization}/{project}/")
def project_details(context: Ctx, organization: Org, project: str) -> dict[str, Any]:  # noqa: ARG001
    return _project_details(context, find_project(context, project))


@router.put("/projects/{organization}/{project}/")
def change_project(context: Ctx, organization: Org, project: str, body: ChangedProject) -> dict[str, Any]:  # noqa: ARG001
    """Rename a project, or change how its data is filtered and scrubbed; it holds from the next envelope on."""
    found = find_project(context, project)
    name, platform = body.name or found.name, body.platform if "platform" in body.model_fields_set else found.platform

    def change(connection: apsw.Connection) -> None:
        update_project(connection, found.id, name, platform)
        set_project_options(connection, found.id, body.changes())

    context.write(change)
    return _project_details(context, find_project(context, project))


def lines(text: str) -> list[str]:
    """The lines of an option's text that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _project_details(context: Context, project: Project) -> dict[str, Any]:
    options = project_options(context.read(), project.id)
    return project_body(project) | {
        "allowedDomains": list(options.allowed_domains),
        "dataScrubber": options.data_scrubber,
        "dataScrubberDefaults": options.data_scrubber_defaults,
        "sensitiveFields": list(options.sensitive_fields),
        "safeFields": list(options.safe_fields),
        "scrubIPAddresses": options.scrub_ip_addresses,
        "options": {name: "\n".join(getattr(options, field)) for name, field in OPTIONS.items()}
        | {"filters:filtered-transaction": "1" if options.filter_health_checks else "0"},
    }


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


def project_body(project: Project) -> dict[str, Any]:
    team = {"id": TEAM_ID, "slug": TEAM_SLUG, "name": "Sentry"}
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
