"""Microsoft Teams: the webhook of a Workflows flow, one adaptive card.

Source: learn.microsoft.com, Workflows webhooks and adaptive cards (four requests a second, 28 KB), read 2026-11.
"""

import json
import re
from datetime import timedelta
from typing import Any, Final

import httpx

from embedded.channels.base import Notification, Rate
from embedded.channels.http import post
from embedded.channels.message import Message, compose, cut
from embedded.channels.targets import FindTarget

RATE: Final = Rate(4, timedelta(seconds=1))
CARD: Final = "application/vnd.microsoft.card.adaptive"
SCHEMA: Final = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION: Final = "1.4"  # the newest that every client of Teams shows
MAX_TEXT: Final = 2000  # characters of one text, so that a card stays far under 28 KB
MARKDOWN: Final = re.compile(r"([\\*_])")
STYLES: Final = {"critical": "attention", "error": "attention", "warning": "warning", "info": "accent"}


class MSTeamsChannel:
    """Posts to the flow's URL, which is the secret."""

    rate = RATE

    def __init__(self, client: httpx.AsyncClient, find_target: FindTarget) -> None:
        self._client = client
        self._find_target = find_target

    async def send(self, notification: Notification) -> None:
        """Raises TransportError."""
        target = self._find_target(notification.action)
        content = json.dumps(render(compose(notification))).encode()
        await post(self._client, target.label, target.secret.get_secret_value(), content)


def render(message: Message) -> dict[str, Any]:
    """Return the body: a message with one card."""
    card = {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": VERSION,
        "body": [
            _text(message.title, size="Large", weight="Bolder", color=_color(message)),
            _text(message.summary),
            {"type": "FactSet", "facts": [{"title": label, "value": escape(value)} for label, value in message.facts]},
        ],
        "actions": [{"type": "Action.OpenUrl", "title": label, "url": url} for label, url in message.links],
    }
    return {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": card}]}


def escape(text: str) -> str:
    """Make a text without links and emphasis of its own; what a card's markdown knows beside these is harmless."""
    return MARKDOWN.sub(r"\\\1", cut(text, MAX_TEXT)).replace("](", "] (")


def _color(message: Message) -> str:
    return "good" if message.is_resolved else STYLES[message.severity]


def _text(written: str, **looks: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": escape(written), "wrap": True, **looks}
