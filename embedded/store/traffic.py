"""What the pages show of stored requests: the newest of a span, never more than a bound. SQL only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import apsw

from embedded.store.ids import id_bytes
from embedded.store.payloads import unpack
from embedded.store.times import from_ms, to_ms
from embedded.store.windows import Sample

MAX_OF_TRACE: Final = 20  # requests, and errors, shown of one trace
MAX_ERRORS: Final = 6_000  # whose endpoints one page looks at


@dataclass(frozen=True, slots=True)
class Seen:
    """One stored request."""

    id: int  # of its row
    ended_ms: int  # as stored: a page groups thousands of them by time
    name: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class Traced:
    """One stored request with its payload, None where it was not asked for."""

    event_id: str
    trace_id: str
    name: str
    op: str
    ended_at: datetime
    duration_ms: float
    status: str
    http_status: int | None
    release: str | None
    weight: float
    payload: dict[str, Any] | None


_TRACED: Final = (
    "lower(hex(event_id)), lower(hex(trace_id)), name, op, ended_ms, duration_ms, status, http_status, release, weight"
)


def is_more_than(connection: apsw.Connection, project_id: int, since: datetime, until: datetime, limit: int) -> bool:
    """Whether more requests than that ended in [since, until); looks at no more of them than it takes."""
    row = connection.execute(
        "SELECT 1 FROM request_span WHERE project_id = ? AND ended_ms >= ? AND ended_ms < ? LIMIT 1 OFFSET ?",
        (project_id, to_ms(since), to_ms(until), limit),
    ).fetchone()
    return row is not None


def newest_requests(
    connection: apsw.Connection, project_id: int, since: datetime, until: datetime, limit: int
) -> list[Seen]:
    """Return at most so many requests that ended in [since, until), newest first."""
    rows = connection.execute(
        "SELECT id, ended_ms, name, duration_ms, status, weight FROM request_span WHERE project_id = ?"
        " AND ended_ms >= ? AND ended_ms < ? ORDER BY ended_ms DESC LIMIT ?",
        (project_id, to_ms(since), to_ms(until), limit),
    )
    return [Seen(row[0], row[1], row[2], Sample(row[3], row[4], row[5])) for row in rows]


def first_request_at(connection: apsw.Connection, project_id: int) -> datetime | None:
    """When the oldest stored request ended."""
    first_ms: int | None = connection.execute(
        "SELECT min(ended_ms) FROM request_span WHERE project_id = ?", (project_id,)
    ).get
    return from_ms(first_ms)


def newest_request_at(connection: apsw.Connection, project_id: int) -> datetime | None:
    """When the newest stored request ended."""
    newest_ms: int | None = connection.execute(
        "SELECT max(ended_ms) FROM request_span WHERE project_id = ?", (project_id,)
    ).get
    return from_ms(newest_ms)


def sampling(connection: apsw.Connection, project_id: int, since: datetime, until: datetime) -> tuple[int, int]:
    """Return (transactions that arrived, transactions that clients say sampling dropped), by minute of receipt."""
    row = connection.execute(
        "SELECT coalesce(sum(quantity) FILTER (WHERE outcome <> 'client_discard'), 0),"
        " coalesce(sum(quantity) FILTER (WHERE outcome = 'client_discard' AND reason = 'sample_rate'), 0)"
        " FROM outcome_minute WHERE project_id = ? AND category = 'transaction' AND minute_ms >= ? AND minute_ms < ?",
        (project_id, to_ms(since), to_ms(until)),
    ).fetchone()
    return row if row else (0, 0)


def requests_by_id(connection: apsw.Connection, ids: Sequence[int]) -> list[Traced]:
    """Return requests by the ids of their rows, the slowest first, without payload."""
    marks = ",".join("?" * len(ids))
    rows = connection.execute(
        f"SELECT {_TRACED}, NULL FROM request_span WHERE id IN ({marks}) ORDER BY duration_ms DESC",  # noqa: S608 - marks only
        tuple(ids),
    )
    return [_traced(row) for row in rows]


def trace_requests(connection: apsw.Connection, project_id: int, trace_id: str) -> list[Traced]:
    """Return the first MAX_OF_TRACE requests of a trace in the order in which they ended, with their payloads."""
    rows = connection.execute(
        f"SELECT {_TRACED}, payload FROM request_hour CROSS JOIN request_span INDEXED BY request_span_trace"  # noqa: S608 - no input in it
        " ON ended_ms / 3600000 = number AND trace_id = ? JOIN request_payload USING (id)"
        " WHERE project_id = ? ORDER BY ended_ms LIMIT ?",
        (id_bytes(trace_id), project_id, MAX_OF_TRACE),
    )
    return [_traced(row) for row in rows]


def trace_errors(connection: apsw.Connection, project_id: int, trace_id: str) -> list[tuple[str, int, str, datetime]]:
    """Return (event id, issue id, title, instant) of the first MAX_OF_TRACE errors of a trace."""
    rows = connection.execute(
        "SELECT event_id, issue_id, title, occurred_ms FROM error_event WHERE project_id = ? AND trace_id = ?"
        " ORDER BY occurred_ms LIMIT ?",
        (project_id, trace_id, MAX_OF_TRACE),
    )
    return [(row[0], row[1], row[2], from_ms(row[3])) for row in rows]


def _traced(row: tuple[Any, ...]) -> Traced:
    fields = dict(zip(Traced.__slots__, row, strict=True))
    payload = json.loads(unpack(fields["payload"])) if fields["payload"] is not None else None
    return Traced(**fields | {"ended_at": from_ms(fields["ended_at"]), "payload": payload})


def error_shares(connection: apsw.Connection, project_id: int, since: datetime, until: datetime) -> dict[str, float]:
    """Endpoint -> its share of the newest MAX_ERRORS errors in [since, until); those that name none are left out."""
    rows = connection.execute(
        "SELECT transaction_name, count(*) FROM (SELECT transaction_name FROM error_event WHERE project_id = ?"
        " AND occurred_ms >= ? AND occurred_ms < ? ORDER BY occurred_ms DESC LIMIT ?) GROUP BY 1",
        (project_id, to_ms(since), to_ms(until), MAX_ERRORS),
    )
    counts: dict[str | None, int] = {row[0]: row[1] for row in rows}
    return {name: count / sum(counts.values()) for name, count in counts.items() if name is not None}
