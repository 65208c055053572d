"""Slack: an incoming webhook, Block Kit in an attachment for its colour.

Source: docs.slack.dev, Block Kit reference and rate limits (incoming webhooks: one message a second), read 2026-11.
"""

import json
from datetime import timedelta
from typing import Any, Final

import httpx

from embedded.channels.base import Notification, Rate
from embedded.channels.http import post
from embedded.channels.message import Message, compose, cut
from embedded.channels.targets import FindTarget
from embedded.lenient import mapping

RATE: Final = Rate(1, timedelta(seconds=1))
MAX_HEADER: Final = 150  # characters, like the next three
MAX_TEXT: Final = 3000
MAX_FIELD: Final = 2000
MAX_FALLBACK: Final = 3000
MAX_FIELDS: Final = 10  # of one section


class SlackChannel:
    """Posts to the channel's incoming webhook, whose URL is the secret."""

    rate = RATE

    def __init__(self, client: httpx.AsyncClient, find_target: FindTarget) -> None:
        self._client = client
        self._find_target = find_target

    async def send(self, notification: Notification) -> None:
        """Raises TransportError."""
        target = self._find_target(notification.action)
        notes = str(mapping(notification.action.get("data")).get("notes") or "")
        content = json.dumps(render(compose(notification), notes)).encode()
        await post(self._client, target.label, target.secret.get_secret_value(), content)


def render(message: Message, notes: str = "") -> dict[str, Any]:
    """Return the body; the text is what a phone shows on its lock screen."""
    facts = [_text(cut(f"*{escape(label)}*\n{escape(value)}", MAX_FIELD)) for label, value in message.facts]
    sections = [facts[start : start + MAX_FIELDS] for start in range(0, len(facts), MAX_FIELDS)]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(message.title, MAX_HEADER), "emoji": False}},
        {"type": "section", "text": _text(cut(escape(message.summary) or " ", MAX_TEXT))},
        *({"type": "section", "fields": fields} for fields in sections),
        *([{"type": "context", "elements": [_text(cut(escape(notes), MAX_FIELD))]}] if notes else []),
        {"type": "actions", "elements": [_button(label, url) for label, url in message.links]},
    ]
    text = cut(escape(f"{message.title}: {message.summary}"), MAX_FALLBACK)
    return {"text": text, "attachments": [{"color": f"#{message.color:06x}", "blocks": blocks}]}


def escape(text: str) -> str:
    """Make a text that neither links nor mentions anyone: `<!channel>` in an exception must not wake a company."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(written: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": written, "verbatim": True}


def _button(label: str, url: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, "url": url}
