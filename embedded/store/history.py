"""What the pages show of monitors and alerts: where each stands, its breaches, who was told. SQL only."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import apsw

from embedded.store.alerts import DueMonitor, monitor_of
from embedded.store.issues import OpenPeriod
from embedded.store.times import from_ms, to_ms

MAX_SHOWN: Final = 200  # periods or issues on one time line


@dataclass(frozen=True, slots=True)
class Standing:
    """A metric monitor with what its last evaluation found."""

    monitor: DueMonitor
    is_enabled: bool
    description: str | None
    value: float | None  # None: the last evaluation had no data
    evaluated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery with what it was about."""

    id: int
    kind: str  # of the flip
    level: int
    value: float | None
    at: datetime  # of the flip
    issue_id: int
    short_id: str
    title: str
    is_metric: bool
    alert: str
    action: dict[str, Any]
    status: str  # pending, sent, failed
    attempts: int
    due_at: datetime
    sent_at: datetime | None
    error: str | None


def standings(connection: apsw.Connection, project_id: int, detector_id: int | None = None) -> list[Standing]:
    """A project's metric monitors, or the one with this id; the highest level first, then by name."""
    rows = connection.execute(
        "SELECT d.id, d.project_id, d.name, d.query, d.config, d.conditions, s.version, s.level, s.fired_ms,"
        " s.next_due_ms, s.issue_id, d.enabled, d.description, s.value, s.evaluated_ms"
        " FROM detector d JOIN detector_state s ON s.detector_id = d.id"
        " WHERE d.project_id = ?1 AND (?2 IS NULL OR d.id = ?2) ORDER BY s.level DESC, d.name",
        (project_id, detector_id),
    )
    return [Standing(monitor_of(row[:11]), bool(row[11]), row[12], row[13], from_ms(row[14])) for row in rows]


def deliveries(
    connection: apsw.Connection,
    project_id: int,
    *,
    limit: int,
    offset: int = 0,
    detector_id: int | None = None,
    issue_id: int | None = None,
) -> list[Told]:
    """Deliveries of a project, of one monitor or about one issue; newest first."""
    rows = connection.execute(
        "SELECT d.id, f.kind, f.level, f.value, f.at_ms, f.issue_id, i.short_id, i.title, i.type = 'metric_issue',"
        " coalesce(w.name, 'removed alert'), d.action, d.status, d.attempts, d.due_ms, d.sent_ms, d.error"
        " FROM delivery d JOIN flip f ON f.id = d.flip_id JOIN issue i ON i.id = f.issue_id"
        " LEFT JOIN workflow w ON w.id = d.workflow_id WHERE i.project_id = ?1 AND (?2 IS NULL OR f.detector_id = ?2)"
        " AND (?3 IS NULL OR f.issue_id = ?3) ORDER BY d.id DESC LIMIT ?4 OFFSET ?5",
        (project_id, detector_id, issue_id, limit, offset),
    )
    return [_told(row) for row in rows]


def periods_between(connection: apsw.Connection, project_id: int, since: datetime, until: datetime) -> list[OpenPeriod]:
    """Breaches that overlap [since, until), newest first."""
    rows = connection.execute(
        "SELECT o.id, o.detector_id, o.issue_id, o.start_ms, o.end_ms, o.value FROM open_period o"
        " JOIN detector d ON d.id = o.detector_id WHERE d.project_id = ? AND o.start_ms < ?"
        " AND (o.end_ms IS NULL OR o.end_ms >= ?) ORDER BY o.start_ms DESC LIMIT ?",
        (project_id, to_ms(until), to_ms(since), MAX_SHOWN),
    )
    return [OpenPeriod(row[0], row[1], row[2], from_ms(row[3]), from_ms(row[4]), row[5]) for row in rows]


def new_issues(
    connection: apsw.Connection, project_id: int, since: datetime, until: datetime
) -> list[tuple[datetime, int, str, str]]:
    """(first seen, id, short id, title) of error issues first seen in [since, until), newest first."""
    rows = connection.execute(
        "SELECT first_seen_ms, id, short_id, title FROM issue WHERE project_id = ? AND type = 'error'"
        " AND first_seen_ms >= ? AND first_seen_ms < ? ORDER BY first_seen_ms DESC LIMIT ?",
        (project_id, to_ms(since), to_ms(until), MAX_SHOWN),
    )
    return [(from_ms(row[0]), row[1], row[2], row[3]) for row in rows]


def _told(row: tuple[Any, ...]) -> Told:
    fields = dict(zip(Told.__slots__, row, strict=True))
    moments = {name: from_ms(fields[name]) for name in ("at", "due_at", "sent_at")}
    return Told(**fields | moments | {"action": json.loads(fields["action"]), "is_metric": bool(fields["is_metric"])})
