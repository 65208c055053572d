"""How requests fared before and after a release's first one, and which issues began with it. SQL only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import apsw

from embedded.store.request_keys import can_answer
from embedded.store.rollups import MINUTE_MS
from embedded.store.times import from_ms, to_ms
from embedded.store.windows import Sample

MAX_SAMPLES: Final = 1_000  # of a side: a share is then known to 3 percentage points at worst


# Begins at the first minute of which the rollups have a request of the release: there may be none of it for long.
_MINUTE: Final = (
    "SELECT r.start_ms FROM request_rollup r INDEXED BY request_rollup_key WHERE r.key_id = k.id AND r.project_id = ?1"  # noqa: S608 - no input in it
    f" AND r.length_ms = {MINUTE_MS} AND r.start_ms > ?2 - {MINUTE_MS} ORDER BY r.start_ms LIMIT 1"
)
_OF_RELEASE: Final = "FROM request_key k WHERE k.project_id = ?1 AND k.release = ?4"
_FIRST: Final = (
    "SELECT s.duration_ms, k.status, s.weight FROM request_span s INDEXED BY request_span_window"  # noqa: S608 - no input in it
    " CROSS JOIN request_key k ON k.id = s.key_id WHERE s.project_id = ?1 AND s.ended_ms < ?3"
    f" AND s.ended_ms >= max(?2, (SELECT min(({_MINUTE})) {_OF_RELEASE}))"
    f" AND +s.key_id IN (SELECT k.id {_OF_RELEASE}) ORDER BY s.ended_ms LIMIT ?5"
)
_FIRST_ROWS: Final = (  # the same, where combinations have lost their release
    "SELECT duration_ms, status, weight FROM request_span WHERE project_id = ?1 AND ended_ms >= ?2 AND ended_ms < ?3"
    " AND release = ?4 ORDER BY ended_ms LIMIT ?5"
)


@dataclass(frozen=True, slots=True)
class Announced:
    """What a release was announced with."""

    ref: str | None
    url: str | None


def find_announced(connection: apsw.Connection, version: str) -> Announced | None:
    """Return what is said of a release; None if it is known from telemetry alone."""
    row = connection.execute("SELECT ref, url FROM release WHERE version = ?", (version,)).fetchone()
    return Announced(row[0], row[1]) if row else None


def newest_versions(connection: apsw.Connection, project_id: int, limit: int, offset: int) -> list[str]:
    """The project's releases, those first seen or announced last first."""
    rows = connection.execute(
        "SELECT version FROM (SELECT version, at_ms FROM release_seen WHERE project_id = ?1"
        " UNION ALL SELECT p.version, r.created_ms FROM release_project p JOIN release r ON r.version = p.version"
        " WHERE p.project_id = ?1) GROUP BY version ORDER BY min(at_ms) DESC, version DESC LIMIT ?2 OFFSET ?3",
        (project_id, limit, offset),
    )
    return [str(row[0]) for row in rows]


def first_seen(connection: apsw.Connection, project_id: int, version: str) -> datetime | None:
    """When the release's first stored request or error of the project was; None if none is stored."""
    row = connection.execute(
        "SELECT min(at_ms) FROM release_seen WHERE project_id = ? AND version = ?", (project_id, version)
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
    is_held = can_answer(connection, project_id, {"release"})
    rows = connection.execute(
        _FIRST if is_held else _FIRST_ROWS, (project_id, to_ms(at), to_ms(until), version, MAX_SAMPLES)
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
