"""Any request is answered, soon, and never with a 500: hypothesis writes the envelopes, the whole spine reads them."""

import asyncio
import gzip
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import brotli
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded.ingest import Ingest
from embedded.limits import BOUNDS
from embedded.normalise import CONTAINER_TYPES
from embedded.quota import Quotas
from embedded.store.database import Database
from embedded.store.projects import list_keys
from tests.unit.embedded.fakes import NOW, error, opened, transaction

ANSWER_S = 10.0
STATUSES = {200, 202, 400, 401, 403, 404, 405, 413, 415}


class FixedClock:
    def now(self) -> Any:
        return NOW

    async def sleep(self, span: Any) -> None:
        """Return at once."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with opened(tmp_path_factory.mktemp("fuzz")) as database:
        yield database


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=10,
)
KINDS = st.sampled_from([*BOUNDS, "span", "integration", "from_the_future"]) | st.text(max_size=5)
ITEM_HEADERS = st.fixed_dictionaries(
    {"type": KINDS | JSON},
    optional={
        "length": st.integers(-2, 400) | JSON,
        "item_count": st.integers(-1, 5) | JSON,
        "content_type": st.sampled_from(list(CONTAINER_TYPES.values())) | JSON,
        "platform": JSON,
    },
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.uuids().map(str) | JSON,
        "dsn": JSON | st.text(),
        "sent_at": JSON,
        "trace": JSON | st.fixed_dictionaries({"sample_rate": JSON | st.sampled_from(["0.5", "nan", "1e-400", "-1"])}),
        "origin": JSON,
    },
)
PAYLOADS = (
    st.builds(lambda changes: transaction() | changes, st.dictionaries(st.sampled_from(list(transaction())), JSON))
    | st.builds(lambda changes: error() | changes, st.dictionaries(st.sampled_from(list(error())), JSON))
    | st.fixed_dictionaries({"items": st.lists(JSON | st.dictionaries(st.text(max_size=5), JSON), max_size=3) | JSON})
    | JSON
)


def write(value: object) -> bytes:
    with suppress(orjson.JSONEncodeError, TypeError):
        return orjson.dumps(value)
    return repr(value).encode("utf-8", "replace")


LINES = st.one_of(HEADERS.map(write), ITEM_HEADERS.map(write), PAYLOADS.map(write), st.binary(max_size=30))
BODIES = st.builds(
    lambda header, items, end: write(header) + b"\n" + b"\n".join(line for pair in items for line in pair) + end,
    HEADERS,
    st.lists(st.tuples(ITEM_HEADERS.map(write), PAYLOADS.map(write)), max_size=4),
    st.sampled_from([b"", b"\n", b"\n\n"]),
) | st.lists(LINES, max_size=6).map(b"\n".join)
PATHS = st.sampled_from(
    [
        *["/api/1/envelope/"] * 6,
        *("/api/1/store/", "/api/store/", "/api/1/security/", "/api/1/cron/nightly/"),
        *("/api/1/integration/otlp/v1/traces/", "/api/1/integration/otlp/v1/logs/"),
        *("/api/2/envelope/", "/api/x/envelope/"),
    ]
)
ENCODINGS = st.sampled_from(
    [("", bytes), ("gzip", gzip.compress), ("br", brotli.compress), ("gzip", bytes), ("x", bytes)]
)
TYPES = st.sampled_from(
    ["", "application/json", "application/csp-report", "application/x-sentry-envelope", "text/plain"]
)
QUERIES = st.sampled_from([b"", b"status=ok", b"status=%ff", b"sentry_data=e30"]) | st.binary(max_size=12)


def ask(database: Database, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
    """Send one request through the spine and return its status."""
    sent: list[Any] = []
    pieces = [body[start : start + 100] for start in range(0, len(body), 100)] or [b""]

    async def receive() -> Any:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    ingest = Ingest(database, FixedClock(), Quotas(lambda *_: 0, {"error": 100}), lambda _: None)
    scope = {"type": "http", "method": "POST", "path": path, "query_string": query, "headers": headers}
    asyncio.run(asyncio.wait_for(ingest(scope, receive, send), ANSWER_S))
    start, end = sent
    assert orjson.loads(end["body"]) is not None
    assert ingest._in_flight_bytes == 0
    return int(start["status"])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=PATHS, query=QUERIES, encoding=ENCODINGS, content_type=TYPES, body=BODIES)
def test_any_request_is_answered(
    database: Database, path: str, query: bytes, encoding: tuple[str, Any], content_type: str, body: bytes
) -> None:
    [key] = list_keys(database.read(), 1)
    name, encode = encoding
    headers = [
        (b"x-sentry-auth", f"Sentry sentry_key={key.public_key}, sentry_client=raven-python/6".encode()),
        (b"content-encoding", name.encode()),
        (b"content-type", content_type.encode()),
    ]
    assert ask(database, path, query, headers, encode(body)) in STATUSES | {429}


@settings(max_examples=100, deadline=None)
@given(header=st.sampled_from([b"x-sentry-auth", b"authorization", b"origin", b"content-encoding"]), value=st.binary())
def test_any_header_is_answered(database: Database, header: bytes, value: bytes) -> None:
    for start in (b"", b"Sentry ", b"Basic "):
        assert ask(database, "/api/1/envelope/", b"", [(header, start + value)], b"{}") in STATUSES
