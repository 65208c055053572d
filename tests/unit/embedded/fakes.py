"""Stand-ins for what lies at the engine's edge, and small makers of its records."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from embedded.channels.base import Channel, Notification, Rate
from embedded.envelope import parse_envelope
from embedded.errors import TransportError
from embedded.normalise import normalise
from embedded.records import Batch
from embedded.store.database import Database
from embedded.store.issues import Issue
from embedded.store.monitors import Detector, add_detector, connect, save_workflow
from embedded.store.projects import add_project
from embedded.store.telemetry import append

FramedItem = tuple[str, object] | tuple[str, object, dict[str, Any]]
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
TRACE_ID, SPAN_ID = "4c79f60c11214eb38604f4ae0781bfb2", "fa90fdead5f74052"


@dataclass
class FakeChannel:
    """A channel that keeps what it is given, after failing as often as it was told to."""

    failures: list[Exception] = field(default_factory=list)  # raised one by one, the first first
    sent: list[Notification] = field(default_factory=list)
    attempts: int = 0
    rate: Rate = field(default_factory=lambda: Rate(100, timedelta(seconds=1)))

    async def send(self, notification: Notification) -> None:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(notification)


def transient() -> TransportError:
    return TransportError("the receiver is away", permanent=False)


def permanent() -> TransportError:
    return TransportError("the receiver says no", permanent=True)


def notification(*, is_metric: bool = True, **changes: Any) -> Notification:
    """A monitor's breach, or an error issue's first event."""
    snuba = {
        "aggregate": "failure_rate()",
        "dataset": "events_analytics_platform",
        "query": "is_transaction:true",
        "timeWindow": 300,
        "environment": "prod",
    }
    limits = [
        {"type": "gt", "comparison": 0.1, "conditionResult": 75},
        {"type": "gt", "comparison": 0.05, "conditionResult": 50},
        {"type": "lte", "comparison": 0.05, "conditionResult": 0},
    ]
    kind, title = ("metric_issue", "ISL error rate") if is_metric else ("error", "ValueError: it broke")
    detector = Detector(
        id=7,
        project_id=1,
        name="ISL error rate" if is_metric else "Error Monitor",
        type=kind,
        description=None,
        enabled=True,
        config={"detectionType": "static"},
        query={"queryObj": {"snubaQuery": snuba}} if is_metric else None,
        conditions={"conditions": limits} if is_metric else None,
        created_at=NOW,
        updated_at=NOW,
        workflow_ids=(),
    )
    issue = Issue(
        3, 1, "isl", "ISL", "ISL-3", kind, 7 if is_metric else None, title, "" if is_metric else "/api/validate",
        "error", "high", "unresolved", None, NOW, NOW, 2,
    )  # fmt: skip
    event = None if is_metric else error(1, tags={"code": "X", "user": "ann"}, level="fatal", environment="prod")
    made = Notification(
        ident="20260304120000-1",
        kind="first_seen_event",
        workflow_name="page the on-call",
        action={"id": "1", "type": "slack", "integrationId": "1", "config": {"targetIdentifier": "C1"}, "data": {}},
        issue=issue,
        issue_url="http://engine.test/issues/3/",
        detector=detector,
        value=0.1234 if is_metric else None,
        level=75,
        at=NOW + timedelta(minutes=2),
        window=timedelta(minutes=5),
        event=event,
        environment="prod",
        since=NOW,
        release="isl@1.2.3",
        runbook="http://wiki.test/isl",
        is_drill=False,
    )
    return replace(made, **changes)


CHECKED: Channel = FakeChannel()  # mypy: the fake satisfies the protocol


@contextmanager
def opened(directory: Path) -> Iterator[Database]:
    """A store on disk with one project, of id 1."""
    database = Database(directory / "engine.sqlite")
    try:
        if not database.read().execute("SELECT 1 FROM project").fetchone():
            database.write(lambda connection: add_project(connection, "isl", "ISL", "python", NOW))
        yield database
    finally:
        database.close()


def envelope_of(*items: FramedItem, **headers: object) -> bytes:
    """Frame (type, payload) or (type, payload, header) items; a payload that is not bytes is written as JSON."""
    lines = [orjson.dumps(headers)]
    for kind, payload, *extra in items:
        content = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        own: dict[str, Any] = {"type": kind, "length": len(content)}
        lines += [orjson.dumps(own | (extra[0] if extra else {})), content]
    return b"\n".join(lines) + b"\n"


def batch_of(*items: FramedItem, at: datetime = NOW, **headers: object) -> Batch:
    """What an envelope of these items brings to project 1."""
    return normalise(parse_envelope(envelope_of(*items, **headers)), 1, at)


def transaction(number: int = 1, **fields: object) -> dict[str, Any]:
    """A transaction of 20 ms that ended now; `number` makes its event id."""
    trace = {"trace_id": TRACE_ID, "span_id": SPAN_ID, "op": "http.server", "status": "ok"}
    return {
        "event_id": f"{number:032x}",
        "transaction": "/api/validate",
        "transaction_info": {"source": "route"},
        "start_timestamp": (NOW - timedelta(milliseconds=20)).isoformat(),
        "timestamp": NOW.isoformat(),
        "contexts": {"trace": trace},
    } | fields


def error(number: int = 1, kind: str = "ValueError", **fields: object) -> dict[str, Any]:
    """An error event; those of one kind are one issue."""
    frame = {"module": "service.api", "function": f"raise_{kind}", "in_app": True}
    return {
        "event_id": f"{number:032x}",
        "timestamp": NOW.isoformat(),
        "exception": {"values": [{"type": kind, "value": "it broke", "stacktrace": {"frames": [frame]}}]},
    } | fields


def store(database: Database, *items: FramedItem, at: datetime = NOW, **headers: object) -> None:
    """Ingest items as received at `at`."""
    batch = batch_of(*items, at=at, **headers)
    database.write(lambda connection: append(connection, batch))


def add_monitor(
    database: Database,
    *,
    now: datetime = NOW,
    aggregate: str = "failure_rate()",
    window: timedelta = timedelta(minutes=5),
    conditions: tuple[tuple[str, float, int], ...] = (("gt", 0.05, 75), ("lte", 0.05, 0)),
    query: str = "is_transaction:true",
    environment: str | None = None,
    dataset: str = "events_analytics_platform",
    config: dict[str, Any] | None = None,
    extrapolation: str = "unknown",
    description: str | None = None,
) -> int:
    """Make a metric monitor in project 1."""
    snuba = {
        "dataset": dataset,
        "query": query,
        "aggregate": aggregate,
        "timeWindow": window // timedelta(seconds=1),
        "environment": environment,
        "extrapolationMode": extrapolation,
    }
    limits = [{"type": kind, "comparison": limit, "conditionResult": result} for kind, limit, result in conditions]
    return database.write(
        lambda connection: add_detector(
            connection,
            1,
            f"{aggregate} {query}",
            description,
            config or {"detectionType": "static"},
            {"queryObj": {"snubaQuery": snuba}},
            {"conditions": limits},
            enabled=True,
            now=now,
        )
    )


def add_alert(
    database: Database,
    detector_ids: list[int],
    *triggers: str,
    name: str = "page the on-call",
    frequency: int = 0,
    environment: str | None = None,
    enabled: bool = True,
    action_type: str = "sentry_app",
    filters: tuple[dict[str, Any], ...] = (),
    logic: str = "all",
    target: str = "1",
    notes: str = "",
) -> int:
    """Make an alert with one action, whose id is the alert's name."""
    action = {"id": name, "type": action_type, "config": {"targetIdentifier": target}, "data": {"notes": notes}}

    def job(connection: Any) -> int:
        workflow_id = save_workflow(
            connection,
            None,
            name,
            environment,
            {"frequency": frequency},
            {"conditions": [{"type": kind} for kind in triggers]},
            [{"logicType": logic, "conditions": list(filters), "actions": [action]}],
            enabled=enabled,
            now=NOW,
        )
        connect(connection, [(workflow_id, detector_id) for detector_id in detector_ids])
        return workflow_id

    return database.write(job)
