"""Webhooks of an internal integration: the body Sentry sends, signed as Sentry signs it.

Source: docs.sentry.io, integration platform webhooks (issue alerts, metric alerts), read 2026-11.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import httpx

from embedded.channels.base import Notification, Rate
from embedded.channels.http import post
from embedded.errors import TransportError
from embedded.store.monitors import Detector
from embedded.store.projects import SentryApp
from monitors.fields import SYMBOLS

RATE: Final = Rate(20, timedelta(seconds=1))  # our own: Sentry names none
ACTOR: Final = {"type": "application", "id": "sentry", "name": "Sentry"}
RESOLVED: Final = "issue_resolved_trigger"
HIGH: Final = 75


class SentryAppChannel:
    """Posts to the integration's webhook URL."""

    rate = RATE

    def __init__(self, client: httpx.AsyncClient, find_app: Callable[[int], SentryApp | None]) -> None:
        self._client = client
        self._find_app = find_app

    async def send(self, notification: Notification) -> None:
        """Raises TransportError."""
        app_id = str(notification.action["config"].get("targetIdentifier"))
        app = self._find_app(int(app_id)) if app_id.isdigit() else None
        if app is None:
            raise TransportError(f"no integration with id {app_id!r}", permanent=True)
        resource, body = render(notification, app)
        content = json.dumps(body).encode()
        headers = sign(content, resource, app.client_secret, notification.at)
        await post(self._client, f"integration {app.slug}", app.webhook_url, content, headers)


def sign(content: bytes, resource: str, secret: str, at: datetime) -> dict[str, str]:
    """Return the headers of a webhook; the signature is the hex HMAC-SHA256 of the body under the client secret."""
    return {
        "request-id": uuid4().hex,
        "sentry-hook-resource": resource,
        "sentry-hook-timestamp": str(int(at.timestamp())),
        "sentry-hook-signature": hmac.new(secret.encode(), content, hashlib.sha256).hexdigest(),
    }


def render(notification: Notification, app: SentryApp) -> tuple[str, dict[str, Any]]:
    """Return the resource and the body: `metric_alert` for a metric monitor, `event_alert` for an error issue."""
    common = {"actor": ACTOR, "installation": {"uuid": app.uuid}}
    if notification.detector.type == "metric_issue":
        return "metric_alert", {
            "action": metric_action(notification.kind, notification.level),
            **common,
            "data": _metric_data(notification),
        }
    return "event_alert", {"action": "triggered", **common, "data": _event_data(notification)}


def metric_action(kind: str, level: int) -> str:
    """Return Sentry's word for what a metric monitor has to say."""
    if kind == RESOLVED:
        return "resolved"
    return "critical" if level >= HIGH else "warning"


def _metric_data(notification: Notification) -> dict[str, Any]:
    detector, issue = notification.detector, notification.issue
    snuba = (detector.query or {})["queryObj"]["snubaQuery"]
    status = metric_action(notification.kind, notification.level)
    limits = [each for each in (detector.conditions or {})["conditions"] if each["conditionResult"]]
    limit = next((each for each in limits if each["conditionResult"] == notification.level), limits[0])
    return {
        "description_title": f"{status.capitalize()}: {detector.name}",
        "description_text": (
            f"{snuba['aggregate']} is {_number(notification.value)}{_compared(detector)} in the last"
            f" {snuba['timeWindow'] // 60} minutes;"
            f" the threshold is {SYMBOLS[limit['type']]} {_number(limit['comparison'])}"
        ),
        "web_url": notification.issue_url,
        "metric_alert": {
            "id": str(issue.id),
            "identifier": issue.short_id,
            "title": detector.name,
            "status": status,
            "value": notification.value,
            "date_created": notification.at.isoformat(),
            "date_detected": notification.at.isoformat(),
            "date_started": (notification.at - notification.window).isoformat(),
            "date_closed": notification.at.isoformat() if status == "resolved" else None,
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
            "title": issue.title,
            "culprit": issue.culprit,
            "project": issue.project_id,
            "issue_id": str(issue.id),
            "issue_url": notification.issue_url,
            "web_url": notification.issue_url,
            "tags": [[key, value] for key, value in tags.items()] if isinstance(tags, dict) else tags,
        },
        "triggered_rule": notification.workflow_name,
        "issue_alert": {"title": notification.workflow_name, "settings": []},
    }


def _compared(detector: Detector) -> str:
    """What the number is a percentage of, if it is one."""
    delta_s = detector.config.get("comparisonDelta")
    return f" % of what it was {delta_s // 60} minutes earlier" if delta_s else ""


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
