"""Discord: a channel's webhook, one embed.

Source: discord.com/developers/docs, webhooks, message limits and rate limits (30 messages a minute to a channel),
read 2026-11.
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

RATE: Final = Rate(5, timedelta(seconds=10))  # which is 30 a minute
MAX_TITLE: Final = 256  # characters, like the next two
MAX_DESCRIPTION: Final = 2048  # of 4096, so that all together stays under 6000
MAX_FIELD: Final = 128  # of 1024, for the same reason
MAX_FIELDS: Final = 25
MARKDOWN: Final = re.compile(r"([\\*_~`|>\[\]()#<-])")


class DiscordChannel:
    """Posts to the channel's webhook, whose URL is the secret."""

    rate = RATE

    def __init__(self, client: httpx.AsyncClient, find_target: FindTarget) -> None:
        self._client = client
        self._find_target = find_target

    async def send(self, notification: Notification) -> None:
        """Raises TransportError."""
        target = self._find_target(notification.action)
        content = json.dumps(render(compose(notification), notification.at.isoformat())).encode()
        await post(self._client, target.label, target.secret.get_secret_value(), content)


def render(message: Message, timestamp: str) -> dict[str, Any]:
    """Return the body; whatever a text says, nobody is mentioned."""
    links = " · ".join(f"[{label}]({url})" for label, url in message.links)
    embed = {
        "title": cut(escape(message.title), MAX_TITLE),
        "url": message.issue_url,
        "description": f"{cut(escape(message.summary), MAX_DESCRIPTION)}\n{links}",
        "color": message.color,
        "fields": [
            {"name": escape(label), "value": cut(escape(value), MAX_FIELD), "inline": True}
            for label, value in message.facts[:MAX_FIELDS]
        ],
        "timestamp": timestamp,
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def escape(text: str) -> str:
    """Make a text that Discord's markdown leaves as it is."""
    return MARKDOWN.sub(r"\\\1", text)
