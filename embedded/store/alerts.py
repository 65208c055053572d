"""Monitor states, flips and deliveries. SQL only; every change of state is conditional."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import apsw

from embedded.evaluate import flip_kind
from embedded.store.telemetry import open_issue
from embedded.store.times import from_ms, to_ms

OK: Final = 0
UNWEIGHTED: Final = "none"  # the extrapolation mode
HIGH: Final = 75
REAPPEARED: Final = "reappeared_event"
RESOLVED: Final = "issue_resolved_trigger"
ESCALATED: Final = "escalated"  # to high priority; no trigger of its own
OPENED: Final = "opened"  # an activity of an open period, in Sentry's words, as the next two
STATUS_CHANGE: Final = "status_change"
CLOSED: Final = "closed"
CAPTURED: Final = "captured"  # one more event of an issue; for alerts without triggers
MAX_ROUTED: Final = 200  # flips per pass, so that a storm does not hold the writer
MAX_SENT: Final = 50  # deliveries per pass


@dataclass(frozen=True, slots=True)
class DueMonitor:
    """A metric monitor whose time has come, with the state it is in."""

    id: int
    project_id: int
    name: str
    dataset: str
    query: str
    aggregate: str
    window: timedelta  # production time
    environment: str | None
    compared_to: timedelta | None  # of a percent change: how much earlier the other window lies; production time
    is_weighted: bool  # whether a sampled request counts for all that it stands for
    conditions: tuple[tuple[str, float, int], ...]  # (type, comparison, result)
    version: int
    level: int
    fired_at: datetime | None
    next_due_at: datetime
    issue_id: int | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found and decided."""

    monitor: DueMonitor
    value: float | None
    level: int
    fired_at: datetime | None
    is_change: bool
    at: datetime
    next_due_at: datetime


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of state that alerts may act on."""

    id: int
    detector_id: int
    issue_id: int
    kind: str  # a trigger's name, ESCALATED or CAPTURED
    level: int
    value: float | None
    event_id: str | None
    environment: str | None
    at: datetime
    stream_id: int | None  # the issue stream monitor of its project, to which every issue belongs


_FLIP: Final = (
    "f.id, f.detector_id, f.issue_id, f.kind, f.level, f.value, f.event_id, f.environment, f.at_ms, (SELECT s.id"
    " FROM issue i JOIN detector s ON s.project_id = i.project_id"
    " WHERE i.id = f.issue_id AND s.type = 'issue_stream' AND s.enabled)"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification that is to be sent."""

    id: int
    flip: Flip
    workflow_id: int
    workflow_name: str
    action: dict[str, Any]
    attempts: int
    created_at: datetime

    @property
    def sequence(self) -> tuple[int, str, int]:
        """Deliveries of one sequence are news of one issue to one receiver: they arrive in order or not at all."""
        return self.workflow_id, self.action["id"], self.flip.issue_id


def due_monitors(connection: apsw.Connection, now: datetime) -> list[DueMonitor]:
    """Enabled metric monitors that are due, the longest overdue first."""
    rows = connection.execute(
        "SELECT d.id, d.project_id, d.name, d.query, d.config, d.conditions, s.version, s.level, s.fired_ms,"
        " s.next_due_ms, s.issue_id FROM detector d JOIN detector_state s ON s.detector_id = d.id"
        " WHERE d.enabled AND s.next_due_ms <= ? ORDER BY s.next_due_ms",
        (to_ms(now),),
    )
    return [monitor_of(row) for row in rows]


def postpone(connection: apsw.Connection, monitor: DueMonitor, until: datetime) -> None:
    """Put a monitor that could not be evaluated back, its state as it was."""
    connection.execute(
        "UPDATE detector_state SET next_due_ms = ?, version = version + 1 WHERE detector_id = ? AND version = ?",
        (to_ms(until), monitor.id, monitor.version),
    )


def record_evaluation(connection: apsw.Connection, done: Evaluation) -> bool:
    """Store an evaluation and, if the level changed, its issue, open period and flip. False if it changed nothing."""
    monitor = done.monitor
    connection.execute(
        "UPDATE detector_state SET version = version + 1, level = ?, next_due_ms = ?, fired_ms = ?, value = ?,"
        " evaluated_ms = ? WHERE detector_id = ? AND version = ?",
        (
            done.level,
            to_ms(done.next_due_at),
            done.fired_at and to_ms(done.fired_at),
            done.value,
            to_ms(done.at),
            monitor.id,
            monitor.version,
        ),
    )
    if connection.changes() != 1 or not done.is_change:  # changed or removed meanwhile: the next tick decides
        return False
    issue_id = monitor.issue_id
    is_archived = connection.execute("SELECT status = 'ignored' FROM issue WHERE id = ?", (issue_id,)).get
    kind = flip_kind(monitor.level, done.level, is_known=issue_id is not None, is_archived=bool(is_archived))
    if monitor.level == OK:
        issue_id = _open(connection, done)
    elif issue_id is None:
        raise ValueError(f"monitor {monitor.id} changes an issue that it never opened")
    elif done.level == OK:
        _resolve(connection, done, issue_id)
    else:
        _set_priority(connection, done, issue_id)
    if kind:
        _flip(connection, done, issue_id, kind)
    return True


def _open(connection: apsw.Connection, done: Evaluation) -> int:
    """The first breach opens the monitor's issue; a later one reopens the same issue. Returns its id."""
    issue_id = done.monitor.issue_id
    if issue_id is None:
        issue_id = _open_metric_issue(connection, done)
        connection.execute("UPDATE detector_state SET issue_id = ? WHERE detector_id = ?", (issue_id, done.monitor.id))
    else:
        connection.execute(
            "UPDATE issue SET status = 'unresolved', substatus = 'regressed', times_seen = times_seen + 1,"
            " last_seen_ms = ?, priority = ? WHERE id = ?",
            (to_ms(done.at), _priority(done), issue_id),
        )
    connection.execute(
        "INSERT INTO open_period (detector_id, issue_id, start_ms, peak_level, value) VALUES (?,?,?,?,?)",
        (done.monitor.id, issue_id, to_ms(done.at), done.level, done.value),
    )
    _note(connection, done, OPENED)
    return issue_id


def _open_metric_issue(connection: apsw.Connection, done: Evaluation) -> int:
    return open_issue(
        connection,
        done.monitor.project_id,
        kind="metric_issue",
        detector_id=done.monitor.id,
        title=done.monitor.name,
        culprit=done.monitor.aggregate,
        level="error",
        priority=_priority(done),
        at=done.at,
    )


def _priority(done: Evaluation) -> str:
    return "high" if done.level == HIGH else "medium"


def _resolve(connection: apsw.Connection, done: Evaluation, issue_id: int) -> None:
    connection.execute(
        "UPDATE issue SET status = 'resolved', substatus = NULL, last_seen_ms = ? WHERE id = ?",
        (to_ms(done.at), issue_id),
    )
    _note(connection, done, CLOSED)
    connection.execute(
        "UPDATE open_period SET end_ms = ? WHERE detector_id = ? AND end_ms IS NULL", (to_ms(done.at), done.monitor.id)
    )


def _set_priority(connection: apsw.Connection, done: Evaluation, issue_id: int) -> None:
    connection.execute("UPDATE issue SET priority = ? WHERE id = ?", (_priority(done), issue_id))
    connection.execute(
        "UPDATE open_period SET peak_level = max(peak_level, ?) WHERE detector_id = ? AND end_ms IS NULL",
        (done.level, done.monitor.id),
    )
    _note(connection, done, STATUS_CHANGE)


def _note(connection: apsw.Connection, done: Evaluation, kind: str) -> None:
    """Write into the open breach what happens to it now."""
    connection.execute(
        "INSERT INTO period_activity (period_id, type, level, at_ms)"
        " SELECT id, ?, ?, ? FROM open_period WHERE detector_id = ? AND end_ms IS NULL",
        (kind, done.level, to_ms(done.at), done.monitor.id),
    )


def _flip(connection: apsw.Connection, done: Evaluation, issue_id: int, kind: str) -> None:
    connection.execute(
        "INSERT INTO flip (detector_id, issue_id, kind, level, value, environment, at_ms) VALUES (?,?,?,?,?,?,?)",
        (done.monitor.id, issue_id, kind, done.level, done.value, done.monitor.environment, to_ms(done.at)),
    )


def has_new_events(connection: apsw.Connection) -> bool:
    """Are there error events that `capture_events` has not looked at?"""
    return bool(
        connection.execute(
            "SELECT (SELECT max(id) FROM error_event) > coalesce((SELECT last_event_id FROM captured), 0)"
        ).get
    )


def capture_events(connection: apsw.Connection, now: datetime) -> int:
    """Leave a flip for the newest event of each issue and environment, for alerts without triggers; return how many.

    Events that left a flip of their own are left out, and so is all that came before there was such an alert.
    """
    (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM error_event").fetchone() or (0,)
    connection.execute(
        "INSERT INTO flip (detector_id, issue_id, kind, level, event_id, environment, at_ms)"
        " SELECT d.id, e.issue_id, ?1, ?2, e.event_id, e.environment, ?3 FROM error_event e"
        " JOIN detector d ON d.project_id = e.project_id AND d.type = 'error' AND d.enabled"
        " WHERE e.id IN (SELECT max(id) FROM error_event"
        "   WHERE id > coalesce((SELECT last_event_id FROM captured), 0) GROUP BY issue_id, environment)"
        " AND NOT EXISTS (SELECT 1 FROM flip f WHERE f.issue_id = e.issue_id AND f.event_id = e.event_id)"
        " AND EXISTS (SELECT 1 FROM workflow WHERE enabled AND json_array_length(triggers, '$.conditions') = 0)",
        (CAPTURED, HIGH, to_ms(now)),
    )
    count = connection.changes()
    connection.execute("INSERT OR REPLACE INTO captured (id, last_event_id) VALUES (1, ?)", (newest,))
    return count


def unclaimed_flips(connection: apsw.Connection) -> list[Flip]:
    """Flips that nobody has routed yet, oldest first."""
    rows = connection.execute(
        f"SELECT {_FLIP} FROM flip f WHERE f.claimed_ms IS NULL ORDER BY f.id LIMIT ?",  # noqa: S608 - no input in it
        (MAX_ROUTED,),
    )
    return [_flip_of(row) for row in rows]


def claim_flip(
    connection: apsw.Connection, flip: Flip, actions: list[tuple[int, dict[str, Any]]], now: datetime
) -> bool:
    """Take the flip and leave one pending delivery for each (workflow id, action). False if it was taken before."""
    connection.execute("UPDATE flip SET claimed_ms = ? WHERE id = ? AND claimed_ms IS NULL", (to_ms(now), flip.id))
    if connection.changes() != 1:
        return False
    for workflow_id, action in actions:
        connection.execute(
            "INSERT INTO delivery (flip_id, workflow_id, action_id, action, status, due_ms)"
            " VALUES (?,?,?,?,'pending',?)",
            (flip.id, workflow_id, action["id"], json.dumps(action), to_ms(now)),
        )
        connection.execute("UPDATE workflow SET triggered_ms = ? WHERE id = ?", (to_ms(now), workflow_id))
    return True


def last_notified(connection: apsw.Connection, workflow_id: int, action_id: str, issue_id: int) -> datetime | None:
    """When this action of this alert last acted on this issue, recoveries apart."""
    row = connection.execute(
        "SELECT max(f.at_ms) FROM delivery d JOIN flip f ON f.id = d.flip_id"
        " WHERE d.workflow_id = ? AND d.action_id = ? AND f.issue_id = ? AND f.kind <> 'issue_resolved_trigger'",
        (workflow_id, action_id, issue_id),
    ).fetchone()
    return from_ms(row[0]) if row else None


def opened_at(connection: apsw.Connection, flip: Flip) -> datetime | None:
    """When the metric monitor left ok, before this change of it; None for other monitors."""
    start_ms: int | None = connection.execute(
        "SELECT max(start_ms) FROM open_period WHERE detector_id = ? AND issue_id = ? AND start_ms <= ?",
        (flip.detector_id, flip.issue_id, to_ms(flip.at)),
    ).get
    return from_ms(start_ms)


def due_deliveries(connection: apsw.Connection, now: datetime) -> list[Delivery]:
    """Pending deliveries whose time has come, oldest first; one whose predecessor is still to come waits for it."""
    rows = connection.execute(
        f"SELECT {_FLIP}, d.id, d.workflow_id, coalesce(w.name, ''), d.action, d.attempts, f.claimed_ms"  # noqa: S608 - no input in it
        " FROM delivery d JOIN flip f ON f.id = d.flip_id LEFT JOIN workflow w ON w.id = d.workflow_id"
        " WHERE d.status = 'pending' AND d.due_ms <= ?1 AND NOT EXISTS (SELECT 1 FROM delivery p"
        "   JOIN flip pf ON pf.id = p.flip_id WHERE p.status = 'pending' AND p.due_ms > ?1 AND p.id < d.id"
        "   AND p.workflow_id = d.workflow_id AND p.action_id = d.action_id AND pf.issue_id = f.issue_id)"
        " ORDER BY d.id LIMIT ?2",
        (to_ms(now), MAX_SENT),
    )
    return [
        Delivery(row[10], _flip_of(row[:10]), row[11], row[12], json.loads(row[13]), row[14], from_ms(row[15]))
        for row in rows
    ]


def record_sent(connection: apsw.Connection, delivery: Delivery, now: datetime) -> None:
    """The receiver has acknowledged it."""
    connection.execute(
        "UPDATE delivery SET status = 'sent', attempts = attempts + 1, sent_ms = ?, error = NULL WHERE id = ?",
        (to_ms(now), delivery.id),
    )


def record_failure(connection: apsw.Connection, delivery: Delivery, error: str, retry_at: datetime | None) -> None:
    """The attempt failed; without a `retry_at` it was the last."""
    connection.execute(
        "UPDATE delivery SET status = ?, attempts = attempts + 1, due_ms = coalesce(?, due_ms), error = ? WHERE id = ?",
        ("pending" if retry_at else "failed", retry_at and to_ms(retry_at), error, delivery.id),
    )


def put_back(connection: apsw.Connection, delivery_ids: list[int], due_at: datetime) -> None:
    """Look at these again later; that is no attempt."""
    connection.executemany(
        "UPDATE delivery SET due_ms = ? WHERE id = ?", [(to_ms(due_at), ident) for ident in delivery_ids]
    )


def monitor_of(row: tuple[Any, ...]) -> DueMonitor:
    """The monitor of a row as `due_monitors` selects them."""
    ident, project_id, name, query, config, conditions, version, level, fired, due, issue_id = row
    snuba = json.loads(query)["queryObj"]["snubaQuery"]
    delta_s = json.loads(config).get("comparisonDelta")
    return DueMonitor(
        ident,
        project_id,
        name,
        snuba["dataset"],
        snuba["query"],
        snuba["aggregate"],
        timedelta(seconds=snuba["timeWindow"]),
        snuba["environment"],
        timedelta(seconds=delta_s) if delta_s else None,
        snuba.get("extrapolationMode") != UNWEIGHTED,
        tuple(
            (each["type"], each["comparison"], each["conditionResult"]) for each in json.loads(conditions)["conditions"]
        ),
        version,
        level,
        from_ms(fired),
        from_ms(due),
        issue_id,
    )


def _flip_of(row: tuple[Any, ...]) -> Flip:
    ident, detector_id, issue_id, kind, level, value, event_id, environment, at_ms, stream_id = row
    return Flip(ident, detector_id, issue_id, kind, level, value, event_id, environment, from_ms(at_ms), stream_id)
