"""CPU time of the parts of an envelope's way through the engine, in process: the least of many calls, in microseconds.

Run as `python tests/bench/bench_parts.py`. Says where the time goes on a machine that is too busy for throughput to say
anything. Left out is the HTTP server, which the engine and the bare app of `bench_ingest.py` share.
"""

import asyncio
import gzip
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))

from embedded.bodies import read_envelope
from embedded.clock import SystemClock
from embedded.dsn import read_auth
from embedded.envelope import parse_envelope
from embedded.grouping import event_hashes
from embedded.inflate import Inflater
from embedded.ingest import Ingest
from embedded.normalise import normalise
from embedded.quota import Quotas
from embedded.records import Batch
from embedded.routes import find_route
from embedded.scrub import scrubber
from embedded.store.appender import Appender
from embedded.store.database import Database
from embedded.store.projects import add_project, list_keys
from embedded.suspects import Scrubbing, scan
from tests.bench.bodies import sdk_envelopes

CALLS = 400
GROUP = 16  # envelopes of one commit
GROUPS = 150
DEFAULTS = Scrubbing()


def least_us(call: Callable[[], object], calls: int = CALLS) -> float:
    """The shortest of so many calls."""
    best_s = float("inf")
    for _ in range(calls):
        began_s = time.perf_counter()
        call()
        best_s = min(best_s, time.perf_counter() - began_s)
    return round(best_s * 1e6, 1)


def bare(body: bytes) -> None:
    """What the app does that is held against the engine."""
    for line in zlib.decompress(body, 31).splitlines():
        orjson.loads(line)


def inflated(body: bytes) -> bytes:
    inflater = Inflater("gzip")
    inflater.feed(body)
    return inflater.finish()


def reading(kind: str) -> dict[str, float]:
    """The steps before the store, each for itself."""
    raw = sdk_envelopes()[kind]
    body, envelope, clock = gzip.compress(raw), parse_envelope(raw), SystemClock()
    payload, scrub = envelope.items[0].payload, scrubber(DEFAULTS)
    event = orjson.loads(payload)
    key, route = "a" * 32, find_route("/api/1/envelope/")
    assert route is not None
    found = {
        "bare app": least_us(lambda: bare(body)),
        "inflate": least_us(lambda: inflated(body)),
        "key": least_us(lambda: read_auth({}, f"sentry_key={key}")),
        "split": least_us(lambda: read_envelope(route, raw, {}, "", "")),
        "parse": least_us(lambda: orjson.loads(payload)),
        "scan": least_us(lambda: scan(payload, DEFAULTS)),
        "scrub, with parse and scan": least_us(lambda: scrub(payload)),
        "group": least_us(lambda: event_hashes(event)) if kind == "event" else 0.0,
        "normalise, with scrub and group": least_us(lambda: normalise(envelope, 1, clock.now(), scrub)),
    }
    return {name: each for name, each in found.items() if each}


class _Nowhere:
    """In the store's place: all is stored at once."""

    async def append(self, batch: Batch) -> None:
        """Return at once."""


def spine_us(kind: str, database: Database) -> float:
    """The whole of ingest but the store and the HTTP server."""
    clock = SystemClock()
    app = Ingest(database, clock, Quotas(lambda *_: 0), lambda _: None)
    app._appender = _Nowhere()  # type: ignore[assignment]
    [key] = list_keys(database.read(), 1)
    body = gzip.compress(sdk_envelopes()[kind])
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/1/envelope/",
        "query_string": f"sentry_key={key.public_key}".encode(),
        "headers": [(b"host", b"127.0.0.1:9000"), (b"content-encoding", b"gzip")],
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_: MutableMapping[str, Any]) -> None:
        """Forget it."""

    async def measure() -> float:
        best_s = float("inf")
        for _ in range(CALLS):
            began_s = time.perf_counter()
            await app(scope, receive, send)
            best_s = min(best_s, time.perf_counter() - began_s)
        return round(best_s * 1e6, 1)

    return asyncio.run(measure())


def store_us(kind: str, database: Database) -> dict[str, float]:
    """CPU time of storing an envelope in a commit of GROUP: of the event loop, and of the writer."""
    raw, clock, scrub = sdk_envelopes()[kind], SystemClock(), scrubber(DEFAULTS)
    ids = [raw[at : at + 32] for at in (raw.index(name) + len(name) for name in (b'"event_id":"', b'"trace_id":"'))]

    def made() -> Batch:
        own = raw
        for ident in ids:
            own = own.replace(ident, uuid4().hex.encode())
        return normalise(parse_envelope(own), 1, clock.now(), scrub)

    async def measure() -> dict[str, float]:
        appender, found = Appender(database), []
        for _ in range(GROUPS):
            group = [made() for _ in range(GROUP)]
            whole_s, loop_s = time.process_time(), time.thread_time()
            await asyncio.gather(*(appender.append(batch) for batch in group))
            whole_s, loop_s = time.process_time() - whole_s, time.thread_time() - loop_s
            found.append((whole_s - loop_s, loop_s))
        return {
            "store, event loop": round(min(loop_s for _, loop_s in found) / GROUP * 1e6, 1),
            "store, writer": round(min(writer_s for writer_s, _ in found) / GROUP * 1e6, 1),
        }

    return asyncio.run(measure())


def main() -> int:
    sdk_envelopes()
    with tempfile.TemporaryDirectory() as directory:
        database = Database(Path(directory) / "engine.sqlite")
        database.write(lambda connection: add_project(connection, "bench", "bench", None, SystemClock().now()))
        for kind in ("transaction", "event"):
            found = reading(kind) | {"spine, no store": spine_us(kind, database)} | store_us(kind, database)
            sys.stdout.write(json.dumps({"workload": kind, "cpu_us": found}) + "\n")
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
