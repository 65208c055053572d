"""A project's legacy webhooks: unsigned, events only.

Source: the body that Sentry's legacy webhook service sends (June 2026), read 2026-11.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from embedded.channels.base import Channel, Notification, Rate
from embedded.channels.http import post
from embedded.channels.message import compose
from embedded.errors import TransportError
from embedded.lenient import tags
from embedded.store.alerts import RESOLVED

RATE: Final = Rate(20, timedelta(seconds=1))  # our own: Sentry names none
ALL_OF_PROJECT: Final = "webhooks"  # the target that means the project's list; any other is an integration's slug


class WebhookChannel:
    """Posts to every URL of the issue's project, or hands over to the integration that the action names."""

    rate = RATE

    def __init__(self, client: httpx.AsyncClient, find_urls: Callable[[int], tuple[str, ...]], apps: Channel) -> None:
        self._client = client
        self._find_urls = find_urls
        self._apps = apps

    async def send(self, notification: Notification) -> None:
        """Raises TransportError once all URLs were tried, a transient one first; a repetition goes to all again."""
        if notification.action["config"].get("targetIdentifier") != ALL_OF_PROJECT:
            await self._apps.send(notification)
            return
        if notification.kind == RESOLVED:
            return  # as Sentry: a recovery is no event
        content, failed = json.dumps(render(notification)).encode(), []
        for url in self._find_urls(notification.issue.project_id):
            try:
                await post(self._client, f"webhook at {urlsplit(url).hostname}", url, content)
            except TransportError as error:
                failed.append(error)
        if failed:
            raise min(failed, key=lambda error: error.permanent)


def render(notification: Notification) -> dict[str, Any]:
    """Return the body; the event of a metric issue is our own words, since it has none."""
    issue, said, event = notification.issue, compose(notification), notification.event or {}
    marked = tags(event.get("tags"))
    return {
        "id": str(issue.id),
        "project": issue.project_slug,
        "project_name": issue.project_name,
        "project_slug": issue.project_slug,
        "logger": event.get("logger"),
        "level": event.get("level") or issue.level,
        "culprit": issue.culprit,
        "message": f"{said.title}: {said.summary}",
        "url": notification.issue_url,
        "triggering_rules": [notification.workflow_name],
        "event": {
            **event,
            "id": event.get("event_id"),
            "tags": [[key, value] for key, value in marked.items()],
            "title": said.title,
            "facts": dict(said.facts),
            "runbook_url": notification.runbook,
        },
    }
