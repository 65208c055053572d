"""Reading and resolving issues, events and open periods. SQL only."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from embedded.store.ids import id_bytes
from embedded.store.payloads import unpack
from embedded.store.times import from_ms


@dataclass(frozen=True, slots=True)
class Issue:
    id: int
    project_id: int
    project_slug: str
    project_name: str
    short_id: str
    type: str
    detector_id: int | None
    title: str
    culprit: str
    level: str
    priority: str
    status: str
    substatus: str | None
    first_seen: datetime
    last_seen: datetime
    times_seen: int


@dataclass(frozen=True, slots=True)
class OpenPeriod:
    """One breach of a monitor, from the first evaluation over the threshold to its recovery."""

    id: int
    detector_id: int
    issue_id: int
    start: datetime
    end: datetime | None
    value: float  # at the start


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened to a breach, and when."""

    id: int
    type: str  # opened, status_change, closed
    level: int  # from then on
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An error event or a transaction as it was received."""

    event_id: str
    issue_id: int | None  # None for a transaction
    title: str
    occurred_at: datetime
    payload: dict[str, Any]


SELECT_ISSUE = (
    "SELECT i.id, i.project_id, p.slug, p.name, i.short_id, i.type, i.detector_id, i.title, i.culprit, i.level,"
    " i.priority, i.status, i.substatus, i.first_seen_ms, i.last_seen_ms, i.times_seen"
    " FROM issue i JOIN project p ON p.id = i.project_id"
)


_ERROR = "SELECT issue_id, title, occurred_ms, payload FROM error_event WHERE project_id = ? AND event_id = ?"
_REQUEST = (
    "SELECT NULL, name, ended_ms, payload FROM request_hour CROSS JOIN request_span INDEXED BY request_span_event"
    " ON ended_ms / 3600000 = number JOIN request_payload USING (id) WHERE project_id = ? AND event_id = ?"
)


def find_issue(connection: apsw.Connection, issue_id: int) -> Issue | None:
    """The issue with this id."""
    row = connection.execute(f"{SELECT_ISSUE} WHERE i.id = ?", (issue_id,)).fetchone()
    return issue_of(row) if row else None


def find_short_id(connection: apsw.Connection, short_id: str) -> Issue | None:
    """The issue that people call so."""
    row = connection.execute(f"{SELECT_ISSUE} WHERE i.short_id = ? COLLATE NOCASE", (short_id,)).fetchone()
    return issue_of(row) if row else None


def latest_issue(connection: apsw.Connection, detector_id: int) -> Issue | None:
    """The newest issue that this metric monitor opened."""
    row = connection.execute(
        f"{SELECT_ISSUE} WHERE i.detector_id = ? ORDER BY i.last_seen_ms DESC LIMIT 1", (detector_id,)
    ).fetchone()
    return issue_of(row) if row else None


def list_issues(
    connection: apsw.Connection, project_id: int | None, status: str | None, kind: str | None, limit: int, offset: int
) -> list[Issue]:
    """Issues by last event, newest first; None filters nothing."""
    rows = connection.execute(
        f"{SELECT_ISSUE} WHERE (?1 IS NULL OR i.project_id = ?1) AND (?2 IS NULL OR i.status = ?2)"
        " AND (?3 IS NULL OR i.type = ?3) ORDER BY i.last_seen_ms DESC, i.id LIMIT ?4 OFFSET ?5",
        (project_id, status, kind, limit, offset),
    )
    return [issue_of(row) for row in rows]


def set_status(connection: apsw.Connection, issue_id: int, status: str) -> bool:
    """Resolve, ignore or reopen an issue. False if it has this status already."""
    connection.execute(
        "UPDATE issue SET status = ?1, substatus = CASE ?1 WHEN 'unresolved' THEN 'ongoing' END"
        " WHERE id = ?2 AND status <> ?1",
        (status, issue_id),
    )
    return connection.changes() == 1


def find_event(connection: apsw.Connection, project_id: int, event_id: str) -> StoredEvent | None:
    """The error event or transaction with this id."""
    for sql, ident in ((_ERROR, event_id), (_REQUEST, id_bytes(event_id))):
        row = connection.execute(sql, (project_id, ident)).fetchone()
        if row:
            return StoredEvent(event_id, row[0], row[1], from_ms(row[2]), json.loads(unpack(row[3])))
    return None


def issue_events(connection: apsw.Connection, issue_id: int, limit: int, offset: int) -> list[dict[str, Any]]:
    """An issue's events as the web API lists them, newest first."""
    rows = connection.execute(
        "SELECT event_id, project_id, title, transaction_name, occurred_ms, tags FROM error_event WHERE issue_id = ?"
        " ORDER BY occurred_ms DESC, id LIMIT ? OFFSET ?",
        (issue_id, limit, offset),
    )
    return [
        {
            "id": event_id,
            "eventID": event_id,
            "event.type": "error",
            "projectID": str(project_id),
            "groupID": str(issue_id),
            "title": title,
            "message": title,
            "culprit": culprit,
            "location": None,
            "user": None,
            "platform": "python",
            "metadata": {"title": title},
            "crashFile": None,
            "dateCreated": from_ms(occurred_ms).isoformat().replace("+00:00", "Z"),
            "tags": [{"key": key, "value": value} for key, value in json.loads(tags).items()],
        }
        for event_id, project_id, title, culprit, occurred_ms, tags in rows
    ]


def open_periods(connection: apsw.Connection, *, detector_id: int | None, issue_id: int | None) -> list[OpenPeriod]:
    """Breaches of a monitor or of an issue, newest first."""
    rows = connection.execute(
        "SELECT id, detector_id, issue_id, start_ms, end_ms, value FROM open_period"
        " WHERE detector_id = ? OR issue_id = ? ORDER BY start_ms DESC",
        (detector_id, issue_id),
    )
    return [OpenPeriod(row[0], row[1], row[2], from_ms(row[3]), from_ms(row[4]), row[5]) for row in rows]


def activities(connection: apsw.Connection, period_id: int) -> list[Activity]:
    """All that happened to a breach, oldest first."""
    rows = connection.execute(
        "SELECT id, type, level, at_ms FROM period_activity WHERE period_id = ? ORDER BY id", (period_id,)
    )
    return [Activity(row[0], row[1], row[2], from_ms(row[3])) for row in rows]


def issue_of(row: tuple[Any, ...]) -> Issue:
    """The issue of a row as SELECT_ISSUE selects it."""
    fields = dict(zip(Issue.__slots__, row, strict=True))
    return Issue(**fields | {name: from_ms(fields[name]) for name in ("first_seen", "last_seen")})
