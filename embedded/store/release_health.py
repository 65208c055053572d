"""How requests fared before and after a release's first one, and which issues began with it. SQL only."""

from datetime import datetime
from typing import Final

import apsw

from embedded.store.times import from_ms, to_ms
from embedded.store.windows import Sample

MAX_SAMPLES: Final = 1_000  # of a side: a share is then known to 3 percentage points at worst


def first_seen(connection: apsw.Connection, project_id: int, version: str) -> datetime | None:
    """When the release's first stored request or error of the project was; None if none is stored."""
    row = connection.execute(
        "SELECT min(at_ms) FROM (SELECT min(ended_ms) AS at_ms FROM request_span WHERE project_id = ?1 AND release = ?2"
        " UNION ALL SELECT min(occurred_ms) FROM error_event WHERE project_id = ?1 AND release = ?2)",
        (project_id, version),
    ).fetchone()
    return from_ms(row[0]) if row else None


def requests_before(
    connection: apsw.Connection, project_id: int, version: str, at: datetime, since: datetime
) -> list[Sample]:
    """The last MAX_SAMPLES requests of other releases that ended in [since, at)."""
    rows = connection.execute(
        "SELECT duration_ms, status, weight FROM request_span WHERE project_id = ? AND ended_ms >= ? AND ended_ms < ?"
        " AND release IS NOT ? ORDER BY ended_ms DESC LIMIT ?",
        (project_id, to_ms(since), to_ms(at), version, MAX_SAMPLES),
    )
    return [Sample(row[0], row[1], row[2]) for row in rows]


def requests_after(
    connection: apsw.Connection, project_id: int, version: str, at: datetime, until: datetime
) -> list[Sample]:
    """The first MAX_SAMPLES requests of the release that ended in [at, until)."""
    rows = connection.execute(
        "SELECT duration_ms, status, weight FROM request_span WHERE project_id = ? AND ended_ms >= ? AND ended_ms < ?"
        " AND release = ? ORDER BY ended_ms LIMIT ?",
        (project_id, to_ms(at), to_ms(until), version, MAX_SAMPLES),
    )
    return [Sample(row[0], row[1], row[2]) for row in rows]


def issues_begun(connection: apsw.Connection, project_id: int, since: datetime) -> dict[str, int]:
    """Release -> how many of the issues first seen since then have their first stored event in it."""
    rows = connection.execute(
        "SELECT (SELECT e.release FROM error_event e WHERE e.issue_id = i.id ORDER BY e.occurred_ms LIMIT 1) AS first,"
        " count(*) FROM issue i WHERE i.project_id = ? AND i.type = 'error' AND i.first_seen_ms >= ? GROUP BY first",
        (project_id, to_ms(since)),
    )
    return {str(row[0]): int(row[1]) for row in rows if row[0] is not None}
