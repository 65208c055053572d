"""What the pages show of stored requests: the newest of a span, never more than a bound. SQL only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import apsw

from embedded.store.times import from_ms, to_ms
from embedded.store.windows import Sample

MAX_READ: Final = 20_000  # requests that one page may look at; it says so when there were more


@dataclass(frozen=True, slots=True)
class Seen:
    """One stored request."""

    ended_ms: int  # as stored: a page groups thousands of them by time
    name: str
    sample: Sample


def newest_requests(
    connection: apsw.Connection, project_id: int, since: datetime, until: datetime, name: str | None = None
) -> list[Seen]:
    """Return at most MAX_READ requests that ended in [since, until), newest first; of one endpoint if it is named."""
    rows = connection.execute(
        "SELECT ended_ms, name, duration_ms, status, weight FROM request_span WHERE project_id = ?1"
        " AND ended_ms >= ?2 AND ended_ms < ?3 AND (?4 IS NULL OR name = ?4) ORDER BY ended_ms DESC LIMIT ?5",
        (project_id, to_ms(since), to_ms(until), name, MAX_READ),
    )
    return [Seen(row[0], row[1], Sample(row[2], row[3], row[4])) for row in rows]


def first_request_at(connection: apsw.Connection, project_id: int) -> datetime | None:
    """When the oldest stored request ended."""
    first_ms: int | None = connection.execute(
        "SELECT min(ended_ms) FROM request_span WHERE project_id = ?", (project_id,)
    ).get
    return from_ms(first_ms)


def sampling(connection: apsw.Connection, project_id: int, since: datetime, until: datetime) -> tuple[int, int]:
    """Return (transactions that arrived, transactions that clients say sampling dropped), by minute of receipt."""
    row = connection.execute(
        "SELECT coalesce(sum(quantity) FILTER (WHERE outcome <> 'client_discard'), 0),"
        " coalesce(sum(quantity) FILTER (WHERE outcome = 'client_discard' AND reason = 'sample_rate'), 0)"
        " FROM outcome_minute WHERE project_id = ? AND category = 'transaction' AND minute_ms >= ? AND minute_ms < ?",
        (project_id, to_ms(since), to_ms(until)),
    ).fetchone()
    return row if row else (0, 0)
