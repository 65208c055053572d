"""Tags of error events: which there are, and their values. SQL only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import apsw

from embedded.store.times import from_ms

# What Sentry makes a tag of without being asked -> the column that holds it.
COLUMNS: Final = {
    "environment": "environment",
    "level": "level",
    "release": "release",
    "transaction": "transaction_name",
}
Scope = Literal["issue_id", "project_id"]


@dataclass(frozen=True, slots=True)
class TagKey:
    """A tag and how often it is there."""

    key: str
    unique: int
    total: int


@dataclass(frozen=True, slots=True)
class TagValue:
    """One value of a tag."""

    value: str
    count: int
    first_seen: datetime
    last_seen: datetime


def tag_keys(connection: apsw.Connection, scope: Scope, ident: int) -> list[TagKey]:
    """The tags of an issue or of a project, the most frequent first."""
    rows = connection.execute(
        f"SELECT key, count(DISTINCT value), count(*) FROM ({_source(scope)}) GROUP BY key ORDER BY count(*) DESC, key",  # noqa: S608
        (ident,),
    )
    return [TagKey(*row) for row in rows]


def tag_values(
    connection: apsw.Connection, scope: Scope, ident: int, key: str, limit: int, offset: int = 0
) -> list[TagValue]:
    """The values of a tag, the most frequent first."""
    rows = connection.execute(
        f"SELECT value, count(*), min(occurred_ms), max(occurred_ms) FROM ({_source(scope)}) WHERE key = ?2"  # noqa: S608
        " GROUP BY value ORDER BY count(*) DESC, value LIMIT ?3 OFFSET ?4",
        (ident, key, limit, offset),
    )
    return [TagValue(value, count, from_ms(first), from_ms(last)) for value, count, first, last in rows]


def environments(connection: apsw.Connection, project_id: int) -> list[str]:
    """The environments that a project's requests and errors named."""
    rows = connection.execute(
        "SELECT environment FROM request_key k WHERE project_id = ?1 AND environment IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM request_rollup r WHERE r.key_id = k.id)"
        " UNION SELECT s.environment FROM request_key k CROSS JOIN request_span s"  # of keys that have lost theirs
        " ON s.project_id = k.project_id AND s.key_id = k.id"
        " WHERE k.project_id = ?1 AND k.kept = 0 AND s.environment IS NOT NULL"
        " UNION SELECT environment FROM error_event WHERE project_id = ?1 AND environment IS NOT NULL ORDER BY 1",
        (project_id,),
    )
    return [row[0] for row in rows]


def _source(scope: Scope) -> str:
    """(key, value, occurred_ms) of every tag, those of columns and those that were written."""
    own = " UNION ALL ".join(
        f"SELECT '{key}' AS key, {column} AS value, occurred_ms FROM error_event"  # noqa: S608 - names of ours
        f" WHERE {scope} = ?1 AND {column} IS NOT NULL"
        for key, column in COLUMNS.items()
    )
    written = (
        "SELECT t.key, CAST(t.value AS TEXT), occurred_ms FROM error_event, json_each(tags) t"  # noqa: S608 - as above
        f" WHERE {scope} = ?1 AND t.key NOT IN ({', '.join(map(repr, COLUMNS))})"
    )
    return f"{own} UNION ALL {written}"
