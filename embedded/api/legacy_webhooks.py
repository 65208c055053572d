"""A project's legacy webhooks: the addresses that an action `webhook` with the target `webhooks` posts to.

Source: getsentry/sentry, project legacy webhooks endpoint (June 2026), read 2026-11.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, Field

from embedded.api.context import Ctx, Org, find_project
from embedded.api.urls import check_webhook_url
from embedded.store.options import ProjectOptions, project_options, set_project_options

router = APIRouter()
MAX_URL = 2048  # characters; Sentry's own
MAX_URLS = 20  # one message is that many requests
PATH = "/projects/{organization}/{project}/legacy-webhooks/"

Url = Annotated[str, Field(max_length=MAX_URL), AfterValidator(check_webhook_url)]


class Webhooks(BaseModel):
    """What is absent stays."""

    urls: Annotated[list[Url] | None, Field(max_length=MAX_URLS)] = None
    enabled: bool | None = None


@router.get(PATH)
def webhooks(context: Ctx, organization: Org, project: str) -> dict[str, Any]:  # noqa: ARG001 - checked by its dependency
    return _body(project_options(context.read(), find_project(context, project).id))


@router.post(PATH)
def change_webhooks(context: Ctx, organization: Org, project: str, body: Webhooks) -> dict[str, Any]:  # noqa: ARG001
    found = find_project(context, project)
    wanted: dict[str, Any] = {} if body.urls is None else {"webhook_urls": tuple(body.urls)}
    wanted |= {} if body.enabled is None else {"webhooks_enabled": body.enabled}
    return _body(context.write(lambda connection: set_project_options(connection, found.id, wanted)))


@router.delete(PATH, status_code=204, response_class=Response)
def remove_webhooks(context: Ctx, organization: Org, project: str) -> None:  # noqa: ARG001
    found = find_project(context, project)
    off = {"webhook_urls": (), "webhooks_enabled": False}
    context.write(lambda connection: set_project_options(connection, found.id, off))


def _body(options: ProjectOptions) -> dict[str, Any]:
    return {"urls": list(options.webhook_urls), "enabled": options.webhooks_enabled}
