"""Issues by a search query: terms on the issue itself, every other term on its events. SQL only."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import apsw

from embedded.store.fields import ERRORS, Dataset, where
from embedded.store.issues import SELECT_ISSUE, Issue, issue_of
from monitors.query import Query

MAX_COUNTED: Final = 1_000  # newest events whose tags are counted
Sort = Literal["last", "first", "events"]
ORDERS: Final[dict[Sort, str]] = {
    "last": "i.last_seen_ms DESC",
    "first": "i.first_seen_ms DESC",
    "events": "i.times_seen DESC",
}
# What is asked of the issue; every other name is a field or a tag of its events.
ISSUES: Final = Dataset(
    "issue",
    "last_seen_ms",
    {
        "is": "i.status",
        "issue": "i.short_id",
        "issue.type": "i.type",
        "issue.priority": "i.priority",
        "level": "i.level",
        "title": "i.title",
        "timesSeen": "i.times_seen",
    },
)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search, and how many issues it found in all."""

    issues: list[Issue]
    total: int


def search_issues(
    connection: apsw.Connection, project_id: int, query: Query, sort: Sort, limit: int, offset: int
) -> Found:
    """Find the issues of a project for which every term holds; those on events must hold for one event together."""
    own = Query(tuple(term for term in query.terms if term.name in ISSUES.fields))
    rest = Query(tuple(term for term in query.terms if term.name not in ISSUES.fields))
    scope, parameters = where(ISSUES, own)
    bound: list[Any] = [project_id, *parameters]
    if rest.terms:
        on_events, event_parameters = where(ERRORS, rest)
        scope += f" AND EXISTS (SELECT 1 FROM error_event WHERE error_event.issue_id = i.id AND {on_events})"  # noqa: S608 - as below
        bound += event_parameters
    scope = f"i.project_id = ? AND {scope}"
    total = connection.execute(f"SELECT count(*) FROM issue i WHERE {scope}", tuple(bound)).get  # noqa: S608 - no input in it
    rows = connection.execute(
        f"{SELECT_ISSUE} WHERE {scope} ORDER BY {ORDERS[sort]}, i.id DESC LIMIT ? OFFSET ?", (*bound, limit, offset)
    )
    return Found([issue_of(row) for row in rows], int(str(total)))


@dataclass(frozen=True, slots=True)
class TagValue:
    """One value of a tag, and how many of the counted events carry it."""

    key: str
    value: str
    count: int


def tag_values(connection: apsw.Connection, issue_id: int) -> tuple[list[TagValue], int]:
    """Return the tags of the issue's newest MAX_COUNTED events, the most frequent value first, and how many events."""
    newest = "SELECT tags, environment, release FROM error_event WHERE issue_id = ?1 ORDER BY occurred_ms DESC LIMIT ?2"
    rows = connection.execute(
        f"WITH newest AS ({newest})"  # noqa: S608 - no input in it
        " SELECT t.key, CAST(t.value AS TEXT), count(*) AS seen FROM newest, json_each(tags) t"
        " GROUP BY 1, 2 UNION ALL SELECT 'environment', environment, count(*) FROM newest WHERE environment IS NOT NULL"
        " GROUP BY 2 UNION ALL SELECT 'release', release, count(*) FROM newest WHERE release IS NOT NULL GROUP BY 2"
        " ORDER BY 1, seen DESC, 2",
        (issue_id, MAX_COUNTED),
    )
    counted = connection.execute(f"SELECT count(*) FROM ({newest})", (issue_id, MAX_COUNTED)).get  # noqa: S608 - as above
    return [TagValue(*row) for row in rows], int(str(counted))


def event_times(connection: apsw.Connection, issue_id: int, since_ms: int) -> list[int]:
    """Return when the issue's newest events occurred, in ms since the epoch; at most MAX_COUNTED, newest first."""
    rows = connection.execute(
        "SELECT occurred_ms FROM error_event WHERE issue_id = ? AND occurred_ms >= ? ORDER BY occurred_ms DESC LIMIT ?",
        (issue_id, since_ms, MAX_COUNTED),
    )
    return [row[0] for row in rows]


def oldest_event(connection: apsw.Connection, issue_id: int) -> str | None:
    """Return the id of the issue's oldest event that is still stored."""
    row = connection.execute(
        "SELECT event_id FROM error_event WHERE issue_id = ? ORDER BY occurred_ms, id LIMIT 1", (issue_id,)
    ).fetchone()
    return row[0] if row else None


def neighbours(connection: apsw.Connection, issue_id: int, event_id: str | None) -> tuple[str | None, ...]:
    """Return (older, this, newer) event ids around an event of the issue, or around its newest if none is asked."""
    row = connection.execute(
        "SELECT id, occurred_ms, event_id FROM error_event WHERE issue_id = ?1 AND (?2 IS NULL OR event_id = ?2)"
        " ORDER BY occurred_ms DESC, id DESC LIMIT 1",
        (issue_id, event_id),
    ).fetchone()
    if row is None:
        return None, None, None
    ident, at_ms, this = row
    older, newer = (
        connection.execute(
            f"SELECT event_id FROM error_event WHERE issue_id = ?1 AND (occurred_ms, id) {sign} (?2, ?3)"  # noqa: S608 - two constants
            f" ORDER BY occurred_ms {order}, id {order} LIMIT 1",
            (issue_id, at_ms, ident),
        ).get
        for sign, order in (("<", "DESC"), (">", "ASC"))
    )
    return older, this, newer
