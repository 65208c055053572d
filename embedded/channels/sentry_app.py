"""Webhooks of an internal integration: the body Sentry sends, signed as Sentry signs it.

Source: docs.sentry.io, integration platform webhooks (issue alerts, metric alerts), read 2026-11.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import httpx

from embedded.channels.base import Notification, Rate
from embedded.channels.http import post
from embedded.channels.message import DRILL, METRIC, compose, snuba_query, status
from embedded.errors import TransportError
from embedded.store.projects import SentryApp

RATE: Final = Rate(20, timedelta(seconds=1))  # our own: Sentry names none
ACTOR: Final = {"type": "application", "id": "sentry", "name": "Sentry"}


class SentryAppChannel:
    """Posts to the integration's webhook URL."""

    rate = RATE

    def __init__(self, client: httpx.AsyncClient, find_app: Callable[[str], SentryApp | None]) -> None:
        self._client = client
        self._find_app = find_app

    async def send(self, notification: Notification) -> None:
        """Raises TransportError."""
        ident = str(notification.action["config"].get("targetIdentifier"))
        app = self._find_app(ident)
        if app is None:
            raise TransportError(f"no integration with id {ident!r}", permanent=True)
        resource, body = render(notification, app)
        content = json.dumps(body).encode()
        headers = sign(content, resource, app.client_secret, notification)
        await post(self._client, f"integration {app.slug}", app.webhook_url, content, headers)


def sign(content: bytes, resource: str, secret: str, notification: Notification) -> dict[str, str]:
    """Return the headers of a webhook; the signature is the hex HMAC-SHA256 of the body under the client secret."""
    return {
        "request-id": notification.ident,
        "sentry-hook-resource": resource,
        "sentry-hook-timestamp": str(int(notification.at.timestamp())),
        "sentry-hook-signature": hmac.new(secret.encode(), content, hashlib.sha256).hexdigest(),
    }


def render(notification: Notification, app: SentryApp) -> tuple[str, dict[str, Any]]:
    """Return the resource and the body: `metric_alert` for a metric monitor, `event_alert` for an error issue."""
    common = {"actor": ACTOR, "installation": {"uuid": app.uuid}}
    if notification.detector.type == METRIC:
        return "metric_alert", {"action": status(notification), **common, "data": _metric_data(notification)}
    return "event_alert", {"action": "triggered", **common, "data": _event_data(notification)}


def _metric_data(notification: Notification) -> dict[str, Any]:
    detector, issue, said = notification.detector, notification.issue, compose(notification)
    snuba, is_over = snuba_query(detector), said.is_resolved
    return {
        "description_title": said.title,
        "description_text": said.summary,
        "web_url": notification.issue_url,
        **_ours(notification),
        "metric_alert": {
            "id": str(issue.id),
            "identifier": issue.short_id,
            "title": detector.name,
            "status": status(notification),
            "value": notification.value,
            "date_created": notification.at.isoformat(),
            "date_detected": notification.at.isoformat(),
            "date_started": (notification.at - notification.window).isoformat(),
            "date_closed": notification.at.isoformat() if is_over else None,
            "projects": [issue.project_slug],
            "alert_rule": {
                "id": str(detector.id),
                "name": notification.workflow_name,
                "monitor": detector.name,
                "aggregate": snuba["aggregate"],
                "dataset": snuba["dataset"],
                "query": snuba["query"],
                "time_window": snuba["timeWindow"] // 60,
                "environment": snuba["environment"],
                "projects": [issue.project_slug],
                "conditions": (detector.conditions or {})["conditions"],
            },
        },
    }


def _event_data(notification: Notification) -> dict[str, Any]:
    issue = notification.issue
    event = notification.event or {}
    tags = event.get("tags") or {}
    shown = {key: event.get(key) for key in ("event_id", "release", "environment", "level", "timestamp", "contexts")}
    return {
        "event": {
            **shown,
            "title": (DRILL if notification.is_drill else "") + issue.title,
            "culprit": issue.culprit,
            "project": issue.project_id,
            "issue_id": str(issue.id),
            "issue_url": notification.issue_url,
            "web_url": notification.issue_url,
            "tags": [[key, value] for key, value in tags.items()] if isinstance(tags, dict) else tags,
        },
        "triggered_rule": notification.workflow_name,
        **_ours(notification),
        "issue_alert": {"title": notification.workflow_name, "settings": []},
    }


def _ours(notification: Notification) -> dict[str, Any]:
    """What a person needs and Sentry's own body has no place for."""
    return {
        "facts": dict(compose(notification).facts),
        "runbook_url": notification.runbook,
        "is_drill": notification.is_drill,
    }
