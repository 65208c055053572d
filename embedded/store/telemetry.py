"""Telemetry in: batches become rows, counts, issues and flips in one transaction. SQL only."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import apsw
import orjson

from embedded.records import (
    Batch,
    ErrorEvent,
    Outcome,
    SessionCounts,
    Transaction,
    entry_outcomes,
)
from embedded.store.additions import Additions, Booked
from embedded.store.payloads import pack
from embedded.store.request_rows import store_requests
from embedded.store.rollups import MINUTE_MS
from embedded.store.times import to_ms

DUPLICATE: Final = "duplicate"
NEW: Final = "first_seen_event"
RETURNED: Final = "regression_event"


def append(connection: apsw.Connection, batch: Batch, *others: Batch) -> Additions:
    """Store the batches of one or more envelopes, and return what their commit is to add to the sums.

    What is stored counts as accepted, and a repeated event id as invalid.
    """
    batches = (batch, *others)
    requests = [(batch.project_id, record) for batch in batches for record in batch.transactions]
    counted = store_requests(connection, requests)
    are_new = (each is not None for each in counted)
    booked = [line for batch in batches for line in _settle(connection, batch, are_new)]
    return Additions(tuple(booked), tuple(each for each in counted if each))


def _settle(connection: apsw.Connection, batch: Batch, are_new: Iterator[bool]) -> list[Booked]:
    """Store all of a batch but its requests, which are known to be new or not; return its lines of the books."""
    outcomes = list(batch.outcomes)
    for entry in batch.entries:
        match entry.record:
            case Transaction():
                is_new = next(are_new)
            case ErrorEvent() as event:
                is_new = _insert_error(connection, batch.project_id, event, batch.received_at)
            case _:
                continue
        outcomes += entry_outcomes(entry if is_new else entry.dropped(Outcome.INVALID, DUPLICATE))
    for counts in batch.sessions:
        _add_sessions(connection, batch.project_id, counts)
    minute_ms = to_ms(batch.received_at) // MINUTE_MS * MINUTE_MS
    return [
        Booked(batch.project_id, minute_ms, each.category, each.outcome, each.reason, each.quantity)
        for each in outcomes
    ]


def _insert_error(connection: apsw.Connection, project_id: int, event: ErrorEvent, received_at: datetime) -> bool:
    known = connection.execute(
        "SELECT 1 FROM error_event WHERE project_id = ? AND event_id = ?", (project_id, event.event_id)
    ).fetchone()
    if known:
        return False
    connection.execute(
        "INSERT INTO error_event (project_id, event_id, issue_id, trace_id, occurred_ms, level, title,"
        " transaction_name, release, environment, tags, payload) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            project_id,
            event.event_id,
            _join_issue(connection, project_id, event, received_at),
            event.trace_id,
            to_ms(event.occurred_at),
            event.level,
            event.title,
            event.transaction,
            event.release,
            event.environment,
            orjson.dumps(event.tags).decode(),
            pack(event.payload),
        ),
    )
    return True


def _join_issue(connection: apsw.Connection, project_id: int, event: ErrorEvent, received_at: datetime) -> int:
    """Find or open the event's issue; a new one and a returning one each leave a flip for `notify`.

    The flip is of the time of receipt: alerts are throttled by it, and a client's clock must not decide that.
    """
    marks = ",".join("?" * len(event.hashes))
    flip: str | None
    rows: list[Any] = connection.execute(
        f"SELECT i.id, i.status, h.hash FROM issue_hash h JOIN issue i ON i.id = h.issue_id"  # noqa: S608 - marks only
        f" WHERE h.project_id = ? AND h.hash IN ({marks}) ORDER BY i.id",
        (project_id, *event.hashes),
    ).fetchall()
    if not rows:
        issue_id, flip = _open_issue(connection, project_id, event), NEW
    else:
        issue_id, flip = rows[0][0], RETURNED if rows[0][1] == "resolved" else None
        connection.execute(
            "UPDATE issue SET times_seen = times_seen + 1, last_seen_ms = max(last_seen_ms, ?), title = ?,"
            " substatus = CASE status WHEN 'resolved' THEN 'regressed' ELSE substatus END,"
            " status = CASE status WHEN 'resolved' THEN 'unresolved' ELSE status END WHERE id = ?",
            (to_ms(event.occurred_at), event.title, issue_id),
        )
    unknown = set(event.hashes) - {known for _, _, known in rows}
    connection.executemany(
        "INSERT OR IGNORE INTO issue_hash (project_id, hash, issue_id) VALUES (?,?,?)",
        [(project_id, each, issue_id) for each in unknown],
    )
    if flip:
        _add_flip(connection, project_id, issue_id, flip, event, received_at)
    return issue_id


def _open_issue(connection: apsw.Connection, project_id: int, event: ErrorEvent) -> int:
    return open_issue(
        connection,
        project_id,
        kind="error",
        detector_id=None,
        title=event.title,
        culprit=event.culprit,
        level=event.level,
        priority="high" if event.level in ("error", "fatal") else "medium",
        at=event.occurred_at,
    )


def open_issue(
    connection: apsw.Connection,
    project_id: int,
    *,
    kind: str,
    detector_id: int | None,
    title: str,
    culprit: str,
    level: str,
    priority: str,
    at: datetime,
) -> int:
    """Insert an unresolved issue with the project's next short id, and return its id."""
    slug = connection.execute("SELECT slug FROM project WHERE id = ?", (project_id,)).get
    number = connection.execute("SELECT count(*) + 1 FROM issue WHERE project_id = ?", (project_id,)).get
    connection.execute(
        "INSERT INTO issue (project_id, short_id, type, detector_id, title, culprit, level, priority, status,"
        " substatus, first_seen_ms, last_seen_ms, times_seen) VALUES (?,?,?,?,?,?,?,?,'unresolved','new',?,?,1)",
        (
            project_id,
            f"{str(slug).upper()}-{number}",
            kind,
            detector_id,
            title,
            culprit,
            level,
            priority,
            to_ms(at),
            to_ms(at),
        ),
    )
    return connection.last_insert_rowid()


def _add_flip(
    connection: apsw.Connection, project_id: int, issue_id: int, kind: str, event: ErrorEvent, at: datetime
) -> None:
    """The project's default error monitor is what an error issue's alerts are connected to."""
    connection.execute(
        "INSERT INTO flip (detector_id, issue_id, kind, level, event_id, environment, at_ms)"
        " SELECT id, ?, ?, 75, ?, ?, ? FROM detector WHERE project_id = ? AND type = 'error' AND enabled",
        (issue_id, kind, event.event_id, event.environment, to_ms(at), project_id),
    )


def _add_sessions(connection: apsw.Connection, project_id: int, counts: SessionCounts) -> None:
    minute = to_ms(counts.started_at) // MINUTE_MS * MINUTE_MS
    connection.execute(
        "INSERT INTO session_minute VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
        " exited = exited + excluded.exited, errored = errored + excluded.errored,"
        " crashed = crashed + excluded.crashed, abnormal = abnormal + excluded.abnormal",
        (
            project_id,
            minute,
            counts.release,
            counts.environment,
            counts.exited,
            counts.errored,
            counts.crashed,
            counts.abnormal,
        ),
    )
