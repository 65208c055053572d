"""A store with many requests and issues in it, written straight into the engine's file: sending them would take hours.

Rows and rollups are made by the engine's own code or equal what it makes; `bench_store.py` compares the two counts.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random, choice
from typing import Any, Final
from uuid import uuid4

import apsw
import orjson

from embedded.envelope import parse_envelope
from embedded.normalise import normalise
from embedded.records import Transaction
from embedded.store.database import Database
from embedded.store.payloads import pack
from embedded.store.request_keys import key_of
from embedded.store.rollups import Counted, add_requests
from embedded.store.telemetry import append
from embedded.store.times import to_ms
from tests.path.engine import envelope, error, transaction

SHARES: Final = {  # of the load, by endpoint
    "POST /api/v1/causal/validate": 30,
    "POST /api/v1/causal/effect": 20,
    "POST /api/v1/outcomes": 15,
    "GET /api/v1/outcomes/{id}": 15,
    "POST /api/v1/counterfactual": 8,
    "POST /api/v1/robustness": 6,
    "GET /api/v1/health": 4,
    "POST /api/v1/batch": 2,
}
ENDPOINTS: Final = tuple(SHARES)
RELEASES: Final = ("isl@1.4.0", "isl@1.4.1")  # the second from the middle of the time on
STATUSES: Final = (("ok", 200), ("internal_error", 500), ("not_found", 404))
CHUNK: Final = 20_000  # requests of a commit
SPANS: Final = 8
DURATION: Final = timedelta(milliseconds=20)
PADDING: Final = 200  # bytes behind a payload: this one shrinks better than most


def spanned_transaction(ended: datetime) -> dict[str, Any]:
    """A transaction of some 2 KB of one of the endpoints, with spans of its database calls."""
    times = {"start_timestamp": (ended - DURATION).isoformat(), "timestamp": ended.isoformat()}
    sent = transaction(transaction=choice(ENDPOINTS)) | times
    span = {"trace_id": uuid4().hex, "op": "db", "description": "SELECT name FROM graph WHERE id = ?", "status": "ok"}
    return sent | {"spans": [span | times | {"span_id": uuid4().hex[:16]} for _ in range(SPANS - 1)]}


@dataclass(frozen=True)
class Content:
    """How much to fill in."""

    requests: int
    issues: int
    span: timedelta  # the time over which it is spread, up to now
    seed: int = 1


def fill(file: Path, project_id: int, content: Content, now: datetime) -> None:
    """Add requests and issues to a store that no engine has open."""
    connection = apsw.Connection(str(file))
    for pragma, value in (("journal_mode", "wal"), ("synchronous", "off"), ("cache_size", -200_000)):
        connection.pragma(pragma, value)
    random = Random(content.seed)
    payload = pack(orjson.dumps(spanned_transaction(now)))
    keys: dict[tuple[Any, ...], int] = {}
    rows = _requests(connection, project_id, content, now, random, keys)
    marks = ",".join("?" * 17)
    while chunk := list(islice(rows, CHUNK)):
        with connection:
            first = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM request_span").get
            numbered = list(enumerate(chunk, start=first))
            connection.executemany(
                f"INSERT INTO request_span VALUES ({marks})",  # noqa: S608 - marks only
                [(ident, *row) for ident, row in numbered],
            )
            connection.executemany(
                "INSERT INTO request_payload VALUES (?,?)",
                [(ident, payload + os.urandom(PADDING)) for ident, _ in numbered],
            )
            add_requests(connection, [Counted(project_id, row[3], row[7], row[8], row[13], row[14]) for row in chunk])
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()
    _issues(file, project_id, content, now)


def _requests(
    connection: apsw.Connection, project_id: int, content: Content, now: datetime, random: Random, keys: dict[Any, int]
) -> Iterator[tuple[Any, ...]]:
    """Rows of requests in the order of time, as the store lays them out but for their ids."""
    since, length = to_ms(now - content.span), content.span / timedelta(milliseconds=1)
    for number in range(content.requests):
        share = number / content.requests
        [name] = random.choices(ENDPOINTS, tuple(SHARES.values()))
        [(status, http)] = random.choices(STATUSES, (97, 1, 2))
        release = RELEASES[share > 0.5]
        combination = (name, status, release)
        if combination not in keys:
            with connection:
                keys[combination] = key_of(connection, project_id, _record(name, status, http, release, now))
        yield (
            project_id, random.randbytes(16), random.randbytes(16), keys[combination], name, "http.server",
            name.split(" ")[0], since + int(length * share), random.lognormvariate(4, 0.8), status, http, release,
            "production", 1.0, SPANS, f'{{"request_id":"req_{number:016x}"}}',
        )  # fmt: skip


def _record(name: str, status: str, http: int, release: str, now: datetime) -> Transaction:
    method = name.split(" ")[0]
    return Transaction("", "", name, "route", "http.server", method, now, 0.0, status, http, release, "production", {},
                       1.0, SPANS, b"")  # fmt: skip


def _issues(file: Path, project_id: int, content: Content, now: datetime) -> None:
    """One issue after the other, three events each, through the engine's own writer."""
    database = Database(file)
    for number in range(content.issues):
        for _ in range(3):
            event = error(f"Kind{number:05}") | {"environment": "production", "release": RELEASES[number % 2]}
            at = now - content.span * (number / content.issues)
            batch = normalise(
                parse_envelope(envelope(("event", event | {"timestamp": at.isoformat()}))), project_id, now
            )
            future = database.submit(lambda connection, batch=batch: append(connection, batch))  # type: ignore[misc]
    future.result()
    database.close()
