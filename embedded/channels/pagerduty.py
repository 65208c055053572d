"""PagerDuty: Events API v2, an incident per issue, triggered and resolved by one dedup key.

Source: developer.pagerduty.com, Events API v2 (120 events a minute per routing key), read 2026-11.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any, Final

import httpx

from embedded.channels.base import Notification, Rate
from embedded.channels.http import post
from embedded.channels.message import Message, compose, cut
from embedded.channels.targets import FindTarget
from embedded.lenient import mapping

RATE: Final = Rate(120, timedelta(minutes=1))
MAX_SUMMARY: Final = 1024  # characters
DEFAULT: Final = "default"  # the action leaves the severity to the issue
CLIENT: Final = "Sentry"


class PagerDutyChannel:
    """Posts events; the routing key, which is the secret, is in the body."""

    rate = RATE

    def __init__(self, client: httpx.AsyncClient, find_target: FindTarget) -> None:
        self._client = client
        self._find_target = find_target

    async def send(self, notification: Notification) -> None:
        """Raises TransportError."""
        target = self._find_target(notification.action)
        body = {"routing_key": target.secret.get_secret_value(), **render(notification)}
        await post(self._client, target.label, target.url, json.dumps(body).encode())


def render(notification: Notification) -> dict[str, Any]:
    """Return the event, all but its routing key."""
    message = compose(notification)
    return {
        "event_action": "resolve" if message.is_resolved else "trigger",
        "dedup_key": dedup_key(notification),
        "payload": {
            "summary": cut(f"{message.title}: {message.summary}", MAX_SUMMARY),
            "source": notification.issue.project_slug,
            "severity": _severity(notification, message),
            "timestamp": notification.at.isoformat(),
            "component": notification.issue.culprit,
            "group": notification.environment or "",
            "class": notification.issue.type,
            "custom_details": dict(message.facts),
        },
        "links": [{"href": url, "text": label} for label, url in message.links],
        "client": CLIENT,
        "client_url": message.issue_url,
    }


def dedup_key(notification: Notification) -> str:
    """Return what makes alarm and recovery one incident: the issue, in its own Sentry. At most 255 characters."""
    return "sentry-" + hashlib.sha256(notification.issue_url.encode()).hexdigest()[:32]


def _severity(notification: Notification, message: Message) -> str:
    asked = str(mapping(notification.action.get("data")).get("priority") or DEFAULT)
    return message.severity if asked == DEFAULT else asked
