"""A switch in front of the engine's ingest that makes it slow or refuse, for drills in which Sentry fails us.

The switch is a file in the folder, so that it can be turned while the engine runs; absent or empty it is off. What was
refused is kept there too: an SDK reports nothing of what was answered with 429, and a report that it sends meanwhile is
lost to it. Everything else is the engine as it is.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from embedded import answers
from embedded.errors import RejectedError
from embedded.inflate import Inflater
from embedded.routes import find_route
from embedded.tap import Tap
from rehearsal.disturbance import How

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

SWITCH: Final = "switch.json"
SLOW_S: Final = 4.0  # an answer takes so long: 11 envelopes a second, 4 on their way, fill a queue of 100 in 10 s
HOLD_S: Final = 2  # whole seconds that a client holds back after a 429
MAX_KEPT_BYTES: Final = 256 * 1024**2
# Always named: without categories an SDK holds everything back, and a client report that it made meanwhile is lost.
HELD_BACK: Final = "default;error;security;transaction;span;session;profile;profile_chunk"


class Switch:
    """An ASGI app around the engine's own."""

    def __init__(self, app: App, folder: Path) -> None:
        self._app, self._folder = app, folder
        self._taps: dict[How, Tap] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        how = self._read() if scope["type"] == "http" and find_route(scope["path"]) else None
        if how in (How.LIMITING, How.FAILING):
            await self._refuse(how, scope, receive, send)
            return
        if how is How.SLOW:
            await asyncio.sleep(SLOW_S)
        await self._app(scope, receive, send)

    def _read(self) -> How | None:
        try:
            said = json.loads((self._folder / SWITCH).read_bytes()).get("how")
        except (OSError, ValueError):
            return None
        return How(said) if said else None

    async def _refuse(self, how: How, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with suppress(RejectedError):  # what is no body says nothing of what was lost
            body = await _read_body(headers.get("content-encoding", ""), receive)
            self._tap(how).keep(scope["path"], "", headers, body)
        for message in _answer(how).messages():
            await send(message)

    def _tap(self, how: How) -> Tap:
        if how not in self._taps:
            self._taps[how] = Tap(refused_file(self._folder, how), MAX_KEPT_BYTES)
        return self._taps[how]


def refused_file(folder: Path, how: How) -> Path:
    """Where the requests are kept that were refused in one way."""
    return folder / f"refused-{how}"


async def _read_body(encoding: str, receive: Receive) -> bytes:
    inflater = Inflater(encoding)
    while True:
        message = await receive()
        inflater.feed(message.get("body", b""))
        if not message.get("more_body"):
            return inflater.finish()


def _answer(how: How) -> answers.Answer:
    if how is How.FAILING:
        return answers.Answer(500, json.dumps({"detail": "internal server error"}).encode())
    limits = f"{HOLD_S}:{HELD_BACK}:organization:quota_exceeded".encode()
    headers = ((b"x-sentry-rate-limits", limits), (b"retry-after", str(HOLD_S).encode()))
    return answers.Answer(429, json.dumps({"detail": "event submission rejected due to rate limits"}).encode(), headers)
