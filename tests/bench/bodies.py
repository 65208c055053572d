"""What the ingest bench sends: an error and a transaction as sentry-sdk makes them from a small FastAPI service, gzip.

The service runs in this process, without a socket; the SDK hands its envelopes over in place of sending them.
"""

import asyncio
import gzip
import io
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import fastapi
import httpx
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

KEY = "a" * 32
VARIABLES = 8  # of the frame that raises: with them the error is of some 36 KB, most of it source lines
SPANS = 1  # of the request, beside those of the SDK: 2 KB
GZIP_LEVEL = 6  # the SDK has 9, which takes longer and makes the same


class _Kept(Transport):
    """Keeps envelopes as they would be sent, by the type of their item."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: dict[str, bytes] = {}

    def capture_envelope(self, envelope: Envelope) -> None:
        written = io.BytesIO()
        envelope.serialize_into(written)
        for item in envelope.items:
            self.envelopes.setdefault(str(item.type), written.getvalue())


@lru_cache(maxsize=1)
def sdk_envelopes() -> dict[str, bytes]:
    """Return an `event` and a `transaction` envelope, uncompressed."""
    kept = _Kept()
    sentry_sdk.init(f"http://{KEY}@127.0.0.1:9/1", transport=kept, traces_sample_rate=1.0, release="bench@1.0.0")
    asyncio.run(_call_service())
    sentry_sdk.init()  # off again
    return kept.envelopes


async def _call_service() -> None:
    app = fastapi.FastAPI()

    @app.post("/validate")
    async def validate(body: dict[str, int]) -> dict[str, int]:
        for number in range(SPANS):
            with sentry_sdk.start_span(op="db", name=f"graph {number}"):
                pass
        return body

    @app.post("/estimate")
    async def estimate(body: dict[str, int]) -> None:
        _fail(len(body), **{f"value_{number}": f"<bench.Thing {uuid4().hex}>" for number in range(VARIABLES)})

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bench.test") as client:
        for path in ("/validate", "/estimate"):
            await client.post(path, json={"graph": 1})


def _fail(depth: int, **values: str) -> None:
    if depth > 1:
        _fail(depth - 1, **values)
    raise ValueError("it broke")


def write_bodies(kind: str, count: int, path: Path) -> tuple[int, int]:
    """Write so many gzip bodies with event ids of their own; return the size of one, raw and compressed."""
    raw = sdk_envelopes()[kind]
    start = raw.index(b'"event_id":"') + len(b'"event_id":"')
    event_id = raw[start : start + 32]
    with path.open("wb") as file:
        for _ in range(count):
            body = gzip.compress(raw.replace(event_id, uuid4().hex.encode()), GZIP_LEVEL)
            file.write(len(body).to_bytes(4) + body)
    return len(raw), len(body)
