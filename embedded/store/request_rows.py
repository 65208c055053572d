"""Requests in: those of many envelopes become rows with few statements, within one transaction. SQL only."""

from collections.abc import Sequence
from typing import Final

import apsw
import orjson

from embedded.records import Transaction
from embedded.store.ids import id_bytes
from embedded.store.payloads import pack_all
from embedded.store.request_keys import key_of
from embedded.store.rollups import Counted
from embedded.store.rows import Row, marks, portions
from embedded.store.times import to_ms

# No input in any of them.
_ROWS: Final = (
    "INSERT INTO request_span (project_id, event_id, trace_id, key_id, name, op, method, ended_ms, duration_ms, status,"
    " http_status, release, environment, weight, span_count, tags) VALUES"
)
_PAYLOADS: Final = "INSERT INTO request_payload (id, payload) VALUES"
# As the index of events has it: the hour in which it ended is a part of an event's name.
_EVENTS: Final = "WITH event (hour, id, project_id) AS (VALUES"
_KNOWN: Final = (
    ") SELECT event.* FROM event CROSS JOIN request_span s INDEXED BY request_span_event"
    " ON s.ended_ms / 3600000 = hour AND s.event_id = event.id AND s.project_id = event.project_id"
)
HOUR_MS: Final = 3_600_000
Event = tuple[int, bytes, int]  # its hour since the epoch, its id, its project
New = tuple[Event, Counted, Transaction]


def store_requests(connection: apsw.Connection, requests: Sequence[tuple[int, Transaction]]) -> list[Counted | None]:
    """Store requests of projects, and return how each counts; None for one whose event id is known."""
    events = [
        (to_ms(record.ended_at) // HOUR_MS, id_bytes(record.event_id), project_id) for project_id, record in requests
    ]
    known = _known(connection, events)  # and what is repeated among them, from its first on
    keys: dict[Row, int] = {}
    counted: list[Counted | None] = []
    new: list[New] = []
    for event, (project_id, record) in zip(events, requests, strict=True):
        if event in known:
            counted.append(None)
            continue
        known.add(event)
        counts = _count(connection, project_id, record, keys)
        counted.append(counts)
        new.append((event, counts, record))
    for some in portions(new):
        _insert(connection, some)
    return counted


def _known(connection: apsw.Connection, events: Sequence[Event]) -> set[Event]:
    """Which of the events are stored."""
    found: set[Event] = set()
    for some in portions(events):
        values = [value for event in some for value in event]
        found.update(connection.execute(f"{_EVENTS} {marks(len(some), 3)}{_KNOWN}", values))
    return found


def _count(connection: apsw.Connection, project_id: int, record: Transaction, keys: dict[Row, int]) -> Counted:
    """How a request counts; `keys` is what the transaction has looked up already."""
    fields = (project_id, record.name, record.op, record.method, record.status, record.http_status, record.release,
              record.environment)  # fmt: skip
    key_id = keys.get(fields)
    if key_id is None:
        key_id = keys[fields] = key_of(connection, project_id, record)
    return Counted(project_id, key_id, to_ms(record.ended_at), record.duration_ms, record.weight, record.span_count)


def _insert(connection: apsw.Connection, new: Sequence[New]) -> None:
    """Insert rows, whose ids are in their order, and their payloads."""
    rows = [value for each in new for value in _row(*each)]
    connection.execute(f"{_ROWS} {marks(len(new), 16)}", rows)
    first = connection.last_insert_rowid() - len(new) + 1
    payloads = enumerate(pack_all([record.payload for _, _, record in new]), start=first)
    connection.execute(f"{_PAYLOADS} {marks(len(new), 2)}", [value for row in payloads for value in row])


def _row(event: Event, counts: Counted, record: Transaction) -> Row:
    return (
        counts.project_id,
        event[1],
        id_bytes(record.trace_id),
        counts.key_id,
        record.name,
        record.op,
        record.method,
        counts.ended_ms,
        record.duration_ms,
        record.status,
        record.http_status,
        record.release,
        record.environment,
        record.weight,
        record.span_count,
        orjson.dumps(record.tags).decode(),
    )
