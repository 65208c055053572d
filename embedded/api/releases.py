"""Releases and deploys, and who the caller is: what sentry-cli asks of a release's pipeline."""

import re
from typing import Annotated, Any, Final
from zlib import crc32

from fastapi import APIRouter, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl
from pydantic.alias_generators import to_camel

from embedded.api.context import Context, Ctx, Org, find_project, invalid, not_found, stamp
from embedded.api.paging import Listed
from embedded.store import releases as store
from embedded.store.projects import Project, list_projects

router = APIRouter()
MAX_VERSION: Final = 200  # characters; Sentry's own, like the next
MAX_NAME: Final = 64
RELEASES = "/organizations/{organization}/releases/"
# package@version+build, the parts of a version that Sentry takes apart. Source: docs.sentry.io, releases, read 2026-11.
VERSION: Final = re.compile(r"(?:(?P<package>[^@]+)@)?(?P<raw>[^+]+(?:\+(?P<build>.+))?)")
SEMVER: Final = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?")
HASH: Final = re.compile(r"[0-9a-f]{12,40}")


def _version(text: str) -> str:
    """Sentry's rules for versions."""
    if not text.strip() or text in (".", "..", "latest") or re.search(r"[\n\t\f\v\r/\\]", text):
        raise ValueError("Release version is not valid: it may not be blank, latest, . or .., nor have slashes in it.")
    return text.strip()


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    ref: Annotated[str | None, Field(max_length=MAX_VERSION)] = None
    url: HttpUrl | None = None
    date_released: AwareDatetime | None = None

    def changes(self) -> dict[str, Any]:
        """What is asked for, under the names of the store."""
        named = {"ref": self.ref, "url": self.url and str(self.url), "released_at": self.date_released}
        given = {"released_at" if name == "date_released" else name for name in self.model_fields_set}
        return {name: value for name, value in named.items() if name in given}


class NewRelease(_Body):
    """Body of a release's creation. Commits are taken and not kept: this engine reads no repository."""

    version: Annotated[str, Field(min_length=1, max_length=MAX_VERSION), AfterValidator(_version)]
    projects: Annotated[list[str], Field(min_length=1)]


class ChangedRelease(_Body):
    """Body of a release's change; what is absent stays."""

    projects: list[str] = []


class NewDeploy(BaseModel):
    """Body of a deploy."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    environment: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    name: Annotated[str | None, Field(max_length=MAX_NAME)] = None
    url: HttpUrl | None = None
    date_started: AwareDatetime | None = None
    date_finished: AwareDatetime | None = None


@router.get(RELEASES)
def releases(
    context: Ctx,
    organization: Org,  # noqa: ARG001 - checked by its dependency
    listed: Listed,
    project: str | None = None,
    query: str = "",
) -> list[dict[str, Any]]:
    """Announced releases and those that telemetry named, the newest first."""
    project_id = find_project(context, project).id if project and project != "-1" else None
    found = store.list_releases(context.read(), project_id, query, listed.page.limit, listed.page.offset)
    return [_release(context, each) for each in listed.cut(found)]


@router.get("/projects/{organization}/{project}/releases/")
def project_releases(context: Ctx, organization: Org, project: str, listed: Listed) -> list[dict[str, Any]]:
    return releases(context, organization, listed, project)


@router.post(RELEASES, status_code=201)
def create_release(context: Ctx, organization: Org, body: NewRelease, response: Response) -> dict[str, Any]:  # noqa: ARG001
    """Announce a release; one that is known gets the further projects, and the answer is 208 as in Sentry."""
    owners = _projects(context, body.projects)
    is_known = store.find_release(context.read(), body.version) is not None
    response.status_code = 208 if is_known else 201
    return _save(context, body.version, owners, body.changes())


@router.get(RELEASES + "{version}/")
def release_details(context: Ctx, organization: Org, version: str) -> dict[str, Any]:  # noqa: ARG001
    return _release(context, _find(context, version))


@router.put(RELEASES + "{version}/")
def change_release(context: Ctx, organization: Org, version: str, body: ChangedRelease) -> dict[str, Any]:  # noqa: ARG001
    _find(context, version)
    return _save(context, version, _projects(context, body.projects), body.changes())


@router.delete(RELEASES + "{version}/", status_code=204, response_class=Response)
def delete_release(context: Ctx, organization: Org, version: str) -> None:  # noqa: ARG001
    _find(context, version)
    context.write(lambda connection: store.delete_release(connection, version))


@router.get(RELEASES + "{version}/deploys/")
def deploys(context: Ctx, organization: Org, version: str, listed: Listed) -> list[dict[str, Any]]:  # noqa: ARG001
    _find(context, version)
    return [_deploy(each) for each in listed.of(store.list_deploys(context.read(), version))]


@router.post(RELEASES + "{version}/deploys/", status_code=201)
def create_deploy(context: Ctx, organization: Org, version: str, body: NewDeploy) -> dict[str, Any]:  # noqa: ARG001
    _find(context, version)
    finished = body.date_finished or context.now()
    url = str(body.url) if body.url else None
    given = store.Deploy(0, body.environment, body.name, url, body.date_started, finished)
    ident = context.write(lambda connection: store.add_deploy(connection, version, given))
    return _deploy(next(each for each in store.list_deploys(context.read(), version) if each.id == ident))


def _save(context: Context, version: str, owners: list[Project], changes: dict[str, Any]) -> dict[str, Any]:
    now, idents = context.now(), [each.id for each in owners]
    context.write(lambda connection: store.save_release(connection, version, idents, changes, now))
    return _release(context, _find(context, version))


def _projects(context: Context, slugs: list[str]) -> list[Project]:
    known = {each.slug: each for each in list_projects(context.read())}
    if unknown := [slug for slug in slugs if slug not in known]:
        raise invalid("projects", f"Invalid project slugs: {', '.join(unknown)}")
    return [known[slug] for slug in slugs]


def _find(context: Context, version: str) -> store.Release:
    found = store.find_release(context.read(), version)
    if found is None:
        raise not_found()
    return found


def _release(context: Context, release: store.Release) -> dict[str, Any]:
    reader = context.read()
    first, last = store.event_span(reader, release.version)
    new, latest = store.new_issues(reader, release.version), store.list_deploys(reader, release.version)[:1]
    owners = [each for each in list_projects(reader) if each.id in release.project_ids]
    return {
        "id": crc32(release.version.encode()),
        "version": release.version,
        "shortVersion": release.version.rpartition("@")[2],
        "versionInfo": version_info(release.version),
        "status": "open",
        "ref": release.ref,
        "url": release.url,
        "dateReleased": stamp(release.released_at),
        "dateCreated": stamp(release.created_at),
        "dateStarted": None,
        "data": {},
        "newGroups": sum(new.values()),
        "owner": None,
        "commitCount": 0,
        "lastCommit": None,
        "deployCount": release.deploys,
        "lastDeploy": _deploy(latest[0]) | {"name": latest[0].name or ""} if latest else None,
        "authors": [],
        "projects": [_owner(each, new.get(each.id, 0)) for each in owners],
        "firstEvent": stamp(first),
        "lastEvent": stamp(last),
        "currentProjectMeta": {},
        "userAgent": None,
    }


def _owner(project: Project, new_groups: int) -> dict[str, Any]:
    return {
        "id": project.id,
        "slug": project.slug,
        "name": project.name,
        "newGroups": new_groups,
        "platform": project.platform,
        "platforms": [project.platform] if project.platform else [],
        "hasHealthData": False,
    }


def _deploy(deploy: store.Deploy) -> dict[str, Any]:
    return {
        "id": str(deploy.id),
        "environment": deploy.environment,
        "name": deploy.name,
        "url": deploy.url,
        "dateStarted": stamp(deploy.started_at),
        "dateFinished": stamp(deploy.finished_at),
    }


def version_info(version: str) -> dict[str, Any]:
    """Take a version apart: package, number, build."""
    match = VERSION.fullmatch(version)
    package, raw, build = (match["package"], match["raw"], match["build"]) if match else (None, version, None)
    number = SEMVER.fullmatch(raw.partition("+")[0])
    parts = number.groups() if number else ()
    hash_of = HASH.fullmatch(build or raw)
    described = hash_of[0][:12] if hash_of and not build else raw.partition("+")[0] + (f" ({build})" if build else "")
    return {
        "package": package,
        "version": {
            "raw": raw,
            **dict(zip(("major", "minor", "patch"), (int(each or 0) for each in parts[:3]), strict=False)),
            "pre": parts[3] if parts else None,
            "buildCode": build,
        },
        "description": described,
        "buildHash": hash_of[0] if hash_of else None,
    }
