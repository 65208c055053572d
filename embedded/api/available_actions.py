"""What alerts may do here: one entry per internal integration, and one per kind of chat, on-call tool and mail.

Source: getsentry/sentry, available actions endpoint and its serializer (2026), read 2026-11.
"""

from typing import Any, Final

from fastapi import APIRouter

from embedded.api.actions import INTEGRATED
from embedded.api.context import Context, Ctx, Org
from embedded.channels.legacy_webhook import ALL_OF_PROJECT
from embedded.destinations import Integration
from embedded.store.projects import SentryApp, list_apps

router = APIRouter()
INSTALLED: Final = 1
WEBHOOK: Final = {"slug": ALL_OF_PROJECT, "name": "WebHooks"}


@router.get("/organizations/{organization}/available-actions/")
def available_actions(context: Ctx, organization: Org) -> list[dict[str, Any]]:  # noqa: ARG001 - checked by its dependency
    chat = [_entry(kind, integrations=found) for kind in INTEGRATED if (found := _integrations(context, kind))]
    mail = [_entry("email")] if context.destinations.mail else []
    apps = list_apps(context.read())
    services = [WEBHOOK, *({"slug": app.slug, "name": app.name} for app in apps)]
    return [
        *chat,
        *mail,
        _entry("webhook", services=services),
        *(_entry("sentry_app", sentryApp=_app(app)) for app in apps),
    ]


def _entry(kind: str, **extra: Any) -> dict[str, Any]:
    group = "notification" if kind in (*INTEGRATED, "email") else "other"
    return {"type": kind, "handlerGroup": group, "configSchema": {}, "dataSchema": {}, **extra}


def _integrations(context: Context, kind: str) -> list[dict[str, Any]]:
    return [_integration(each) for each in context.destinations.integrations if each.provider == kind]


def _integration(found: Integration) -> dict[str, Any]:
    """Sentry lists targets only where they have ids of their own; of the others a name is enough."""
    listed = {"id": str(found.id), "name": found.name}
    if found.provider != "pagerduty":
        return listed
    return {**listed, "services": [{"id": each.id, "name": each.name} for each in found.targets]}


def _app(app: SentryApp) -> dict[str, Any]:
    return {
        "id": str(app.id),
        "name": app.name,
        "installationId": str(app.id),
        "installationUuid": app.uuid,
        "status": INSTALLED,
    }
