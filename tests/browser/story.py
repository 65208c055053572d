"""A story told to a real engine over its socket: load, slow and failing endpoints, errors, a breach, a page."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from loadtest.ledger import LedgerWriter, unanswered
from rehearsal.reports.files import write_files
from rehearsal.verdict import Finding, Status
from tests.path.engine import (
    ORGANIZATION,
    Engine,
    Project,
    Receiver,
    alert_app,
    await_true,
    detector_body,
    envelope,
    error,
    transaction,
    workflow_body,
)
from tests.unit.rehearsal.samples import report

SPEED: Final = 10.0  # a quarter of an hour of production is 90 seconds
SPAN: Final = timedelta(seconds=80)
RATE: Final = 0.25  # what the clients say that they sample
ENDPOINTS: Final = (
    ("POST /api/v1/causal/counterfactual", 320.0, 0.02, 180),
    ("POST /api/v1/causal/validate", 24.0, 0.0, 420),
    ("GET /api/v1/outcomes/{decision_id}", 9.0, 0.12, 150),
    ("POST /api/v1/outcomes/log", 41.0, 0.0, 90),
)
RUNS: Final = ("20261123T120000", "20261124T120000")  # rehearsals that have left their reports
TRIGGERS: Final = ("first_seen_event", "regression_event", "issue_resolved_trigger")


@dataclass(frozen=True, slots=True)
class Story:
    """What was told, for the pages to show."""

    project: Project
    event_id: str  # of the error with all that an event can have
    trace_id: str  # of the request in which it was raised


def console(folder: Path) -> tuple[str, ...]:
    """The program of an engine with the rehearsal's pages, and its arguments; what these read lies in the folder."""
    for name, status in ((RUNS[0], Status.HELD), (RUNS[1], Status.FAILED)):
        (folder / "runs" / name).mkdir(parents=True)
        write_files(
            report(folder / "runs" / name, Finding(status, "it <pages>", "</p><script>window.hit=1</script>")), None
        )
    faults = folder / "faults.json"
    faults.write_text('{"error_rate": {"value": 0.2, "routes": ["<b>"]}}')
    sent = LedgerWriter(folder / "ledger.jsonl")
    now = datetime.now(UTC).timestamp()  # noqa: TID251 - as below
    for number in range(600):
        sent.write(
            unanswered(f"req_{number:016x}", "log", "POST", ENDPOINTS[3][0], now - SPAN.total_seconds() * number / 600)
        )
    sent.close()
    files = ("--faults", str(faults), "--ledger", str(folder / "ledger.jsonl"))
    return ("rehearsal.console", "--runs", str(folder / "runs"), *files)


def tell(engine: Engine, receiver: Receiver) -> Story:
    """Send everything; return once a breach has been notified."""
    project = engine.project()
    dice = random.Random(7)
    trace_id = uuid4().hex
    now = datetime.now(UTC)  # noqa: TID251 - the engine is a process with the machine's clock
    for batch in _requests(now, dice):
        for item in batch:
            trace = {"trace_id": item["contexts"]["trace"]["trace_id"], "sample_rate": str(RATE)}
            answer = project.post(envelope(("transaction", item), trace=trace))
            assert answer.status_code == 200, answer.text
    project.send(("transaction", traced(trace_id)))
    discarded = {"reason": "sample_rate", "category": "transaction", "quantity": 2480}
    project.send(("client_report", {"timestamp": now.isoformat(), "discarded_events": [discarded]}))
    event = rich_error(trace_id)
    project.send(("event", event))
    for number in range(12):
        project.send(("event", rich_error(uuid4().hex, environment=("production", "staging")[number % 2])))
    project.send(("event", error("ConnectionRefusedError")))
    project.send(("event", error("KeyError", level="warning")))
    _watch(engine, project, receiver)
    return Story(project, event["event_id"], trace_id)


def _requests(now: datetime, dice: random.Random) -> Iterator[list[dict[str, Any]]]:
    for name, typical_ms, failing, number in ENDPOINTS:
        method = name.split()[0]
        yield [
            transaction(
                transaction=name,
                failed=dice.random() < failing,
                release=f"isl@1.4.{dice.randrange(2)}+3f2a9c1",
                request={"method": method},
                **_times(now - SPAN * dice.random() ** 1.2, typical_ms * dice.lognormvariate(0, 0.5)),
            )
            for _ in range(number)
        ]


def _times(ended_at: datetime, duration_ms: float) -> dict[str, Any]:
    started_at = ended_at - timedelta(milliseconds=duration_ms)
    return {"start_timestamp": started_at.isoformat(), "timestamp": ended_at.isoformat()}


def traced(trace_id: str) -> dict[str, Any]:
    """A request with the spans of its work."""
    root = transaction(transaction=ENDPOINTS[0][0], duration_ms=412, failed=True, release="isl@1.4.1+3f2a9c1")
    root["contexts"]["trace"]["trace_id"] = trace_id
    ended_at = datetime.fromisoformat(root["timestamp"])
    start = ended_at - timedelta(milliseconds=412)
    parent = root["contexts"]["trace"]["span_id"]

    def span(op: str, what: str, begin_ms: float, length_ms: float, above: str, ident: str = "") -> dict[str, Any]:
        begin = start + timedelta(milliseconds=begin_ms)
        return {
            "span_id": ident or uuid4().hex[:16],
            "parent_span_id": above,
            "trace_id": trace_id,
            "op": op,
            "description": what,
            "start_timestamp": begin.isoformat(),
            "timestamp": (begin + timedelta(milliseconds=length_ms)).isoformat(),
            "status": "ok",
        }

    identify = "a" * 16
    root["spans"] = [
        span("cache.get", "identification:5f3c", 3, 2, parent),
        span("causal.identify", "back-door adjustment", 8, 96, parent, identify),
        span("function", "enumerate_paths", 12, 61, identify),
        span("causal.monte_carlo", "20,000 draws", 110, 240, parent),
        span("db", "INSERT INTO decision VALUES (?, ?)", 356, 21, parent),
        span("http.client", "POST http://127.0.0.1:8001/v1/run", 380, 30, parent),
    ]
    return root


def rich_error(trace_id: str, **fields: object) -> dict[str, Any]:
    """An error with a chain of exceptions, frames, contexts, breadcrumbs, tags and a request."""
    inner = [
        {"filename": "networkx/algorithms/dag.py", "function": "descendants", "lineno": 71, "in_app": False},
        {
            "filename": "service/identify.py",
            "function": "identify",
            "lineno": 118,
            "in_app": True,
            "pre_context": ["def identify(graph, treatment, outcome):", "    paths = back_door(graph)"],
            "context_line": "    chosen = smallest(adjustment_sets(paths))",
            "post_context": ["    return Estimand(chosen)"],
            "vars": {"treatment": "'price'", "outcome": "'churn'"},
        },
    ]
    outer = [{"filename": "service/api/causal.py", "function": "counterfactual", "lineno": 64, "in_app": True}]
    values = [
        {"type": "LookupError", "value": "no adjustment set blocks every path", "stacktrace": {"frames": inner}},
        {"type": "ComputationError", "value": "counterfactual failed", "stacktrace": {"frames": outer}},
    ]
    now = datetime.now(UTC)  # noqa: TID251 - as above
    body = error(
        transaction=ENDPOINTS[0][0],
        release="isl@1.4.1+3f2a9c1",
        environment="production",
        exception={"values": values},
        tags={
            "request_id": f"req_{uuid4().hex[:16]}",
            "error_code": "ISL_COMPUTATION",
            "computation_type": "counterfactual",
        },
        contexts={
            "trace": {"trace_id": trace_id, "span_id": uuid4().hex[:16]},
            "dag": {"nodes": 14, "edges": 31, "treatment": "price", "outcome": "churn"},
            "error_schema": {"code": "ISL_COMPUTATION", "retryable": False, "source": "isl"},
        },
        breadcrumbs={
            "values": [
                {
                    "timestamp": now.timestamp() - 1,
                    "category": "causal_validation",
                    "level": "info",
                    "message": "graph is acyclic",
                },
                {
                    "timestamp": now.timestamp(),
                    "category": "query",
                    "level": "error",
                    "message": "SELECT 1",
                    "data": {"ms": 3},
                },
            ]
        },
        request={
            "method": "POST",
            "url": "http://127.0.0.1:8000/api/v1/causal/counterfactual",
            "headers": {"User-Agent": "curl/8"},
        },
    )
    return body | fields


def _watch(engine: Engine, project: Project, receiver: Receiver) -> None:
    """Make three monitors, of which one is over its threshold, and an alert that tells the receiver."""
    app_id, _ = alert_app(engine, receiver)
    path = f"{ORGANIZATION}/projects/{project.slug}/detectors/"
    for name, aggregate, high in (
        ("Failure rate", "failure_rate()", 0.01),
        ("Slow answers", "p95(span.duration)", 2000.0),
        ("Load", "epm()", 100_000.0),
    ):
        body = detector_body(name=name)
        body["dataSources"][0] |= {"aggregate": aggregate, "timeWindow": 900}
        body["conditionGroup"]["conditions"] = [
            {"type": "gt", "comparison": high, "conditionResult": 75},
            {"type": "lte", "comparison": high / 2, "conditionResult": 0},
        ]
        made = engine.ask("POST", path, body)
        engine.ask(
            "POST",
            f"{ORGANIZATION}/workflows/",
            workflow_body(app_id, [int(made["id"])], *TRIGGERS, name=f"page on {name.lower()}"),
        )
    await_true("a breach to be notified", lambda: receiver.bodies("metric_alert"))
