"""Small, complete records for the tests of the rehearsal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from loadtest.ledger import Entry
from monitors.load import RULES_DIRECTORY, load_rules
from monitors.model import Alert, Monitor
from rehearsal.breakdown import Imbalance, Part
from rehearsal.clock import Pace
from rehearsal.cost.measured import LEVELS, Measured, MeasuredEndpoint
from rehearsal.cost.month import month_of
from rehearsal.counts import Count
from rehearsal.curves import Curve
from rehearsal.detect import detections
from rehearsal.disturbance import Fault
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.judge import Expectation, Seen
from rehearsal.reconcile import Account, Books
from rehearsal.sampling import Arrived, Configured, Sampled, effective_rates
from rehearsal.settings import Options
from rehearsal.sink import Page
from rehearsal.usage import Arrivals, Usage
from rehearsal.verdict import DrillResult, Finding, PageTimes, Report, Status

ORIGIN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PACE = Pace(60.0, ORIGIN)
RULES = load_rules(RULES_DIRECTORY)
MINUTE = timedelta(minutes=1)


CLOSED = Books(
    sent=120,
    probes=2,
    traced=118,
    unanswered=0,
    failed=24,
    shed=0,
    difference=0,
    transactions=Account(118, {"sample_rate": 2}),
    errors=Account(24, {}),
)

MEASURED = Measured(
    began_at=ORIGIN,
    ended_at=ORIGIN + 60 * MINUTE,
    requests=1_000,
    load_per_cpu=0.5,
    levels=LEVELS,
    endpoints=(
        MeasuredEndpoint(
            route="/api/v1/causal/validate",
            requests=800,
            failures=8,
            errors=8,
            transactions=800,
            profiled=0,
            looked_into=30,
            spans=120,
            span_names={"http.server /api/v1/causal/validate": 30, "cache.get identify": 90},
            payload_bytes=150_000,
            mean_ms=22.5,
            latency_ms=(5, 6, 7, 8, 10, 20, 30, 40, 50, 80, 120, 150),
        ),
        MeasuredEndpoint(
            route="/api/v1/outcomes/log",
            requests=200,
            failures=0,
            errors=0,
            transactions=200,
            profiled=0,
            looked_into=30,
            spans=60,
            span_names={"http.server /api/v1/outcomes/log": 30, "db INSERT": 30},
            payload_bytes=120_000,
            mean_ms=45.0,
            latency_ms=(10, 12, 14, 16, 20, 40, 60, 80, 100, 160, 240, 300),
        ),
    ),
    items={"error": 8, "span": 3_600, "transaction": 1_000},
    sent=1_000,
)


COUNTS = (
    Count("reports", "requests", 120, 120, 120),
    Count("weights", "requests of the load", 117.6, 118, 118, spread=3.0),
    Count("sessions", "requests", 120, 120, 120),
)


def part(name: str, *imbalances: Imbalance) -> Part:
    """The books of one endpoint or drill."""
    return Part(name, 60, 12, 0, traced=59, untraced=1, stands_for=59.0, errors=12, imbalances=imbalances)


CURVE = Curve(
    monitor="ISL error rate",
    condition="failure_rate() > 0.05 over 5m",
    window=5 * MINUTE,
    unit="fraction",
    threshold=0.05,
    is_above=True,
    points=(*((MINUTE * at, at / 50) for at in range(8)), (9 * MINUTE, None), (12 * MINUTE, 0.0)),
)


def monitor(name: str) -> Monitor:
    return next(each for each in RULES.monitors if each.name == name)


def alert(name: str) -> Alert:
    return next(each for each in RULES.alerts if each.name == name)


def page(
    at: timedelta,
    *,
    channel: str = "isl-alerts",
    name: str = "ISL error rate",
    action: str = "critical",
    signed: bool = True,
) -> Page:
    """A page at a production time."""
    return Page(ORIGIN + PACE.wall(at), channel, action, name, f"{action}: {name}", "text", "http://x.test/1", signed)


def expectation(name: str = "ISL error rate", channel: str = "isl-alerts", *, known: bool = True) -> Expectation:
    """A page that becomes possible at 1m 15s and is due three minutes later."""
    rule = alert(name) if known else None
    measured = monitor(rule.monitors[0]) if rule and rule.monitors else None
    possible = ORIGIN + PACE.wall(1.25 * MINUTE)
    wanted = ExpectedPage(name, channel, 3 * MINUTE, 3 * MINUTE if measured else None)
    return Expectation(
        wanted,
        rule,
        measured,
        can_breach=True,
        fault_at=ORIGIN,
        possible_at=possible,
        deadline=possible + PACE.wall(3 * MINUTE),
    )


def seen(
    *pages: Page,
    recoveries: tuple[Page, ...] = (),
    elsewhere: tuple[str, ...] = (),
    breached: bool = False,
    failed_share: float = 0.2,
) -> Seen:
    """What happened, with a recovery possible at 10 minutes and due at 13."""
    return Seen(
        pages=pages,
        recoveries=recoveries,
        elsewhere=elsewhere,
        breached_at=ORIGIN + PACE.wall(2 * MINUTE) if breached else None,
        cleared_at=ORIGIN + PACE.wall(6 * MINUTE),
        recoverable_at=ORIGIN + PACE.wall(10 * MINUTE),
        recovery_deadline=ORIGIN + PACE.wall(13 * MINUTE),
        failed_share=failed_share,
    )


def entry(number: int, status: int = 200, at_s: float = 0.0) -> Entry:
    return Entry(f"req_{number:016x}", "validate_graph", "POST", "/v", ORIGIN.timestamp() + at_s, 5.0, status, None)


def report(folder: Path, *findings: Finding) -> Report:
    """A run of one drill with one page, whose texts try to be markup."""
    drill = Drill("step <b>", "When & then", 10 * MINUTE, Fault("error_rate", 0.2), ())
    times = PageTimes(
        *("ISL error rate", "isl-alerts", 1.25 * MINUTE, 2 * MINUTE, 2.2 * MINUTE, 9 * MINUTE, None),
        seen_at=0.5 * MINUTE,
        over_at=1.5 * MINUTE,
        acknowledged_at=2.3 * MINUTE,
    )
    result = DrillResult(drill, timedelta(0), timedelta(0), 5 * MINUTE, 12 * MINUTE, findings, (times,))
    return Report(
        started_at=ORIGIN,
        origin=ORIGIN,
        ended_at=ORIGIN + timedelta(seconds=20),
        options=Options(),
        engine="embedded",
        rules=RULES,
        canary=Finding(Status.HELD, "the canary pages", "in time"),
        drills=(result,),
        pages=(page(2.2 * MINUTE, name="<script>alert(1)</script>"),),
        entries=tuple(entry(number, 500 if number % 5 == 0 else 200, number / 10) for number in range(120)),
        books=CLOSED,
        counts=COUNTS,
        by_endpoint=(part("/v"), part("/w", Imbalance("lost", "transaction", "req_a"))),
        by_drill=(part("step <b>"),),
        measured=MEASURED,
        month=month_of(MEASURED, 0.386, 1.0),
        rates=effective_rates(Configured(1.0), Arrived((Sampled("/v", 1.0),) * 118, {"sample_rate": 2}, untraced=2)),
        detections=detections((result,)),
        curves=(CURVE,),
        usage=Usage(20.0, 2, {"load": 2.0, "service": 8.0, "engine": 4.0, "rehearsal": 1.0}, 3.0),
        arrivals=Arrivals(118, 3.0, 2.0),
        warnings=("the machine was busy with <others>",),
        run_findings=(Finding(Status.HELD, "the books close", "120 sent"),),
        folder=folder,
    )
