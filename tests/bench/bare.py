"""The floor that the engine is held against: an ASGI app that reads, decompresses and parses, and does nothing else.

Run as `python tests/bench/bare.py PORT`.
"""

import sys
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
GZIP = 31  # zlib's window bits: the largest window, in gzip's frame


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer 200 once every line of the envelope was parsed."""
    assert scope["type"] == "http"
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    if body:  # none: the bench asks if it is up
        for line in zlib.decompress(body, GZIP).splitlines():
            orjson.loads(line)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning", lifespan="off")
