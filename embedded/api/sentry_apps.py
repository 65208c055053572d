"""Internal integrations: where webhooks go, and the actions that alerts may take."""

import re
from typing import Annotated, Any

import apsw
from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from embedded.api.context import ORGANIZATION_ID, ORGANIZATION_SLUG, Context, Ctx, Org, invalid, not_found
from embedded.api.paging import Listed
from embedded.api.urls import check_webhook_url
from embedded.store.projects import SentryApp, add_app, delete_app, list_apps, set_webhook_url

router = APIRouter()
MAX_NAME = 57
MASKED = "*" * 10


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class NewApp(_Body):
    """Body of an internal integration's creation."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    organization: str
    is_internal: bool
    webhook_url: Annotated[str, AfterValidator(check_webhook_url)]
    is_alertable: bool = False
    scopes: list[str] = []


class ChangedApp(_Body):
    """Body of an integration's change."""

    webhook_url: Annotated[str, AfterValidator(check_webhook_url)]


@router.post("/sentry-apps/", status_code=201)
def create_app(context: Ctx, body: NewApp) -> dict[str, Any]:
    """Make an internal integration; its client secret is shown this once only."""
    if not body.is_internal:
        raise invalid("isInternal", "Only internal integrations exist here.")
    if body.organization not in (ORGANIZATION_ID, ORGANIZATION_SLUG):
        raise not_found()
    slug, now = re.sub(r"[^a-z0-9]+", "-", body.name.lower()).strip("-"), context.now()
    if not slug:
        raise invalid("name", "Write at least one letter or digit of ASCII: the slug is made of them.")
    try:
        app = context.write(
            lambda connection: add_app(connection, slug, body.name, body.webhook_url, ",".join(body.scopes), now)
        )
    except apsw.ConstraintError:
        raise invalid("name", f"Name {body.name} is already taken, please use another.") from None
    return _app(app) | {"clientSecret": app.client_secret}


@router.put("/sentry-apps/{app}/")
def change_app(context: Ctx, app: str, body: ChangedApp) -> dict[str, Any]:
    """Point an integration at another address."""
    found = _find(context, app)
    context.write(lambda connection: set_webhook_url(connection, found.slug, body.webhook_url))
    return _app(_find(context, app))


@router.get("/sentry-apps/{app}/")
def app(context: Ctx, app: str) -> dict[str, Any]:
    """One integration, by its slug."""
    return _app(_find(context, app))


@router.delete("/sentry-apps/{app}/", status_code=204, response_class=Response)
def remove_app(context: Ctx, app: str) -> None:
    """Forget an integration. Alerts that name it keep their action, and what they have to say then fails for good."""
    found = _find(context, app)
    context.write(lambda connection: delete_app(connection, found.slug))


@router.get("/organizations/{organization}/sentry-apps/")
def apps(context: Ctx, organization: Org, listed: Listed) -> list[dict[str, Any]]:  # noqa: ARG001 - see its dependency
    return [_app(each) for each in listed.of(list_apps(context.read()))]


def _find(context: Context, slug: str) -> SentryApp:
    found = next((each for each in list_apps(context.read()) if each.slug == slug), None)
    if found is None:
        raise not_found()
    return found


def _app(app: SentryApp) -> dict[str, Any]:
    return {
        "allowedOrigins": [],
        "avatars": [],
        "events": [],
        "webhookEvents": [],
        "featureData": [],
        "isAlertable": True,
        "isDisabled": False,
        "metadata": "",
        "name": app.name,
        "overview": None,
        "author": None,
        "popularity": None,
        "redirectUrl": None,
        "schema": "",
        "scopes": [scope for scope in app.scopes.split(",") if scope],
        "slug": app.slug,
        "status": "internal",
        "uuid": app.uuid,
        "verifyInstall": False,
        "webhookHeaders": [],
        "webhookUrl": app.webhook_url,
        "clientId": app.client_id,
        "clientSecret": MASKED,
        "owner": {"id": int(ORGANIZATION_ID), "slug": ORGANIZATION_SLUG},
    }
