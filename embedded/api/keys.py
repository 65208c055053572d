"""Client keys: who may send to a project, and how many errors in how long."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from embedded.api.context import Context, Ctx, Org, find_project, not_found, stamp
from embedded.api.paging import Listed
from embedded.store.options import RateLimit, key_rate_limit, set_key_rate_limit
from embedded.store.projects import ProjectKey, add_key, delete_key, find_key, list_keys, list_projects, update_key

router = APIRouter()
MAX_WINDOW_S = 86_400
PATH = "/projects/{organization}/{project}/keys/"


class RateLimitBody(BaseModel):
    """So many errors in so many seconds; none when either is null or zero."""

    window: Annotated[int | None, Field(ge=0, le=MAX_WINDOW_S)] = None
    count: Annotated[int | None, Field(ge=0)] = None

    def limit(self) -> RateLimit | None:
        return RateLimit(self.window, self.count) if self.window and self.count else None


class NewKey(BaseModel):
    """Body of a client key's creation."""

    model_config = ConfigDict(populate_by_name=True)

    name: Annotated[str, Field(max_length=64)] = "Default"
    rate_limit: Annotated[RateLimitBody | None, Field(alias="rateLimit")] = None


class ChangedKey(BaseModel):
    """Body of a client key's change; what is left out stays."""

    model_config = ConfigDict(populate_by_name=True)

    name: Annotated[str | None, Field(max_length=64)] = None
    is_active: Annotated[bool | None, Field(alias="isActive")] = None
    rate_limit: Annotated[RateLimitBody | None, Field(alias="rateLimit")] = None


@router.get(PATH)
def keys(context: Ctx, organization: Org, project: str, listed: Listed) -> list[dict[str, Any]]:  # noqa: ARG001
    found = find_project(context, project)
    return [_key(context, key) for key in listed.of(list_keys(context.read(), found.id))]


@router.get("/organizations/{organization}/project-keys/")
def all_keys(
    context: Ctx,
    organization: Org,  # noqa: ARG001
    listed: Listed,
    status: Literal["active", "inactive"] | None = None,
) -> list[dict[str, Any]]:
    """The keys of all projects, or only those that are switched on, or off."""
    reader = context.read()
    found = [key for project in list_projects(reader) for key in list_keys(reader, project.id)]
    asked = [key for key in found if status is None or key.is_active is (status == "active")]
    return [_key(context, key) for key in listed.of(asked)]


@router.post(PATH, status_code=201)
def create_key(context: Ctx, organization: Org, project: str, body: NewKey) -> dict[str, Any]:  # noqa: ARG001
    found, now = find_project(context, project), context.now()
    made = context.write(lambda connection: add_key(connection, found.id, body.name, now))
    _set_limit(context, made, body.rate_limit)
    return _key(context, made)


@router.get(PATH + "{key_id}/")
def key_details(context: Ctx, organization: Org, project: str, key_id: str) -> dict[str, Any]:  # noqa: ARG001
    return _key(context, _find(context, project, key_id))


@router.put(PATH + "{key_id}/")
def change_key(context: Ctx, organization: Org, project: str, key_id: str, body: ChangedKey) -> dict[str, Any]:  # noqa: ARG001
    """Rename, switch on or off, or limit a key; it holds from the next envelope on."""
    key = _find(context, project, key_id)
    name, is_active = body.name or key.label, key.is_active if body.is_active is None else body.is_active
    context.write(lambda connection: update_key(connection, key.public_key, name, is_active=is_active))
    if "rate_limit" in body.model_fields_set:
        _set_limit(context, key, body.rate_limit)
    return _key(context, _find(context, project, key_id))


@router.delete(PATH + "{key_id}/", status_code=204, response_class=Response)
def remove_key(context: Ctx, organization: Org, project: str, key_id: str) -> None:  # noqa: ARG001
    key = _find(context, project, key_id)
    context.write(lambda connection: delete_key(connection, key.public_key))


def _set_limit(context: Context, key: ProjectKey, body: RateLimitBody | None) -> None:
    limit = body.limit() if body else None
    context.write(lambda connection: set_key_rate_limit(connection, key.public_key, limit))


def _find(context: Context, project: str, key_id: str) -> ProjectKey:
    key = find_key(context.read(), key_id)
    if key is None or key.project_id != find_project(context, project).id:
        raise not_found()
    return key


def _key(context: Context, key: ProjectKey) -> dict[str, Any]:
    limit = key_rate_limit(context.read(), key.public_key)
    scheme, _, host = context.url.partition("://")
    public = f"{scheme}://{key.public_key}@{host}/{key.project_id}"
    api = f"{context.url}/api/{key.project_id}"
    return {
        "id": key.public_key,
        "name": key.label,
        "label": key.label,
        "public": key.public_key,
        "secret": key.secret_key,
        "projectId": key.project_id,
        "isActive": key.is_active,
        "rateLimit": {"window": limit.window_s, "count": limit.count} if limit else None,
        "dsn": {
            "public": public,
            "secret": f"{scheme}://{key.public_key}:{key.secret_key}@{host}/{key.project_id}",
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
