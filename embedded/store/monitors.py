"""Monitors (detectors) and alerts (workflows), stored as Sentry's web API speaks of them. SQL only."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from embedded.store.times import from_ms, to_ms

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Detector:
    """A monitor. `query` and `conditions` are None for a project's default monitors."""

    id: int
    project_id: int
    name: str
    type: str
    description: str | None
    enabled: bool
    config: Json
    query: Json | None  # {id, sourceId, queryObj...}, Sentry's data source
    conditions: Json | None  # {id, logicType, conditions[]}
    created_at: datetime
    updated_at: datetime
    workflow_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Workflow:
    """An alert."""

    id: int
    name: str
    enabled: bool
    environment: str | None
    config: Json
    triggers: Json
    action_filters: list[Json]
    created_at: datetime
    updated_at: datetime
    triggered_at: datetime | None
    detector_ids: tuple[int, ...]


def next_id(connection: apsw.Connection) -> str:
    """An id for an object nested in a detector or workflow, unique in the database."""
    connection.execute("INSERT INTO sequence DEFAULT VALUES")
    return str(connection.last_insert_rowid())


def list_detectors(
    connection: apsw.Connection, *, project_id: int | None = None, detector_id: int | None = None
) -> list[Detector]:
    """Detectors of a project, or the one with this id, or all; oldest first."""
    rows = connection.execute(
        "SELECT d.*, (SELECT json_group_array(workflow_id) FROM workflow_detector w WHERE w.detector_id = d.id)"
        " FROM detector d WHERE (?1 IS NULL OR project_id = ?1) AND (?2 IS NULL OR id = ?2) ORDER BY id",
        (project_id, detector_id),
    )
    return [_detector(row) for row in rows]


def add_detector(
    connection: apsw.Connection,
    project_id: int,
    name: str,
    description: str | None,
    config: Json,
    query: Json,
    conditions: Json,
    *,
    enabled: bool,
    now: datetime,
) -> int:
    """Make a metric monitor, due at once, and return its id."""
    at = to_ms(now)
    connection.execute(
        "INSERT INTO detector (project_id, name, type, description, enabled, config, query, conditions, created_ms,"
        " updated_ms) VALUES (?,?,'metric_issue',?,?,?,?,?,?,?)",
        (project_id, name, description, enabled, *map(json.dumps, (config, query, conditions)), at, at),
    )
    detector_id = connection.last_insert_rowid()
    connection.execute(
        "INSERT INTO detector_state (detector_id, version, level, next_due_ms) VALUES (?,0,0,?)", (detector_id, at)
    )
    return detector_id


def update_detector(connection: apsw.Connection, detector: Detector, now: datetime) -> None:
    """Store a changed monitor; a metric monitor is due again at once."""
    connection.execute(
        "UPDATE detector SET name = ?, description = ?, enabled = ?, config = ?, query = ?, conditions = ?,"
        " updated_ms = ? WHERE id = ?",
        (
            detector.name,
            detector.description,
            detector.enabled,
            json.dumps(detector.config),
            detector.query and json.dumps(detector.query),
            detector.conditions and json.dumps(detector.conditions),
            to_ms(now),
            detector.id,
        ),
    )
    connection.execute("UPDATE detector_state SET next_due_ms = ? WHERE detector_id = ?", (to_ms(now), detector.id))


def delete_detector(connection: apsw.Connection, detector_id: int) -> None:
    """Remove a monitor, its state and its connections; its issues stay."""
    connection.execute("DELETE FROM detector WHERE id = ?", (detector_id,))


def list_workflows(connection: apsw.Connection, *, workflow_id: int | None = None) -> list[Workflow]:
    """All alerts, or the one with this id; oldest first."""
    rows = connection.execute(
        "SELECT w.*, (SELECT json_group_array(detector_id) FROM workflow_detector d WHERE d.workflow_id = w.id)"
        " FROM workflow w WHERE (?1 IS NULL OR id = ?1) ORDER BY id",
        (workflow_id,),
    )
    return [_workflow(row) for row in rows]


def save_workflow(
    connection: apsw.Connection,
    workflow_id: int | None,
    name: str,
    environment: str | None,
    config: Json,
    triggers: Json,
    action_filters: list[Json],
    *,
    enabled: bool,
    now: datetime,
) -> int:
    """Make an alert, or replace the one with this id; return its id."""
    fields = (name, enabled, environment, *map(json.dumps, (config, triggers, action_filters)), to_ms(now))
    if workflow_id is None:
        connection.execute(
            "INSERT INTO workflow (name, enabled, environment, config, triggers, action_filters, updated_ms,"
            " created_ms) VALUES (?,?,?,?,?,?,?,?)",
            (*fields, to_ms(now)),
        )
        return connection.last_insert_rowid()
    connection.execute(
        "UPDATE workflow SET name = ?, enabled = ?, environment = ?, config = ?, triggers = ?, action_filters = ?,"
        " updated_ms = ? WHERE id = ?",
        (*fields, workflow_id),
    )
    return workflow_id


def enable_workflow(connection: apsw.Connection, workflow_id: int, now: datetime, *, enabled: bool) -> None:
    """Switch an alert on or off; nothing if it is gone."""
    connection.execute(
        "UPDATE workflow SET enabled = ?, updated_ms = ? WHERE id = ?", (enabled, to_ms(now), workflow_id)
    )


def delete_workflow(connection: apsw.Connection, workflow_id: int) -> None:
    """Remove an alert and its connections."""
    connection.execute("DELETE FROM workflow WHERE id = ?", (workflow_id,))


def connect(connection: apsw.Connection, pairs: list[tuple[int, int]]) -> None:
    """Connect alerts to monitors: (workflow id, detector id) pairs."""
    connection.executemany("INSERT OR IGNORE INTO workflow_detector VALUES (?,?)", pairs)


def disconnect(connection: apsw.Connection, *, workflow_id: int | None = None, detector_id: int | None = None) -> None:
    """Drop all connections of an alert or of a monitor."""
    connection.execute(
        "DELETE FROM workflow_detector WHERE workflow_id = ? OR detector_id = ?", (workflow_id, detector_id)
    )


def _detector(row: tuple[Any, ...]) -> Detector:
    ident, project_id, name, kind, description, enabled, config, query, conditions, created, updated, workflows = row
    return Detector(
        ident,
        project_id,
        name,
        kind,
        description,
        bool(enabled),
        json.loads(config),
        json.loads(query) if query else None,
        json.loads(conditions) if conditions else None,
        from_ms(created),
        from_ms(updated),
        tuple(json.loads(workflows)),
    )


def _workflow(row: tuple[Any, ...]) -> Workflow:
    ident, name, enabled, environment, config, triggers, filters, created, updated, triggered, detectors = row
    return Workflow(
        ident,
        name,
        bool(enabled),
        environment,
        json.loads(config),
        json.loads(triggers),
        json.loads(filters),
        from_ms(created),
        from_ms(updated),
        from_ms(triggered),
        tuple(json.loads(detectors)),
    )
