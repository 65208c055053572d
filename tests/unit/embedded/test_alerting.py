"""Ticks on a manual clock: the real store, the real state machine, no time that passes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from embedded import alerting
from embedded.alerting import measure, tick
from embedded.evaluate import DAMPING
from embedded.measure import cadence
from embedded.store.alerts import Evaluation, due_monitors, record_evaluation
from embedded.store.database import Database
from embedded.store.issues import OpenPeriod, activities, latest_issue, open_periods, set_status
from embedded.store.monitors import delete_detector
from tests.unit.embedded.fakes import NOW, add_monitor, error, opened, store, transaction

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(1, 1), (5, 1), (15, 1), (29, 1), (30, 2), (60, 3), (120, 3), (240, 5), (1439, 5), (1440, 15), (2880, 15)],
)
def test_cadence_grows_with_the_window(minutes: int, expected: int) -> None:
    assert cadence(minutes * MINUTE, None) == expected * MINUTE
    assert cadence(minutes * MINUTE, timedelta(hours=1)) == 2 * expected * MINUTE


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


@dataclass
class Run:
    """A monitored service in production time: `speed` times shorter on the clock that the engine sees."""

    database: Database
    speed: float
    number: int = 0

    def clock(self, minutes: float) -> datetime:
        """The engine's clock after so many minutes of production."""
        return NOW + minutes * MINUTE / self.speed

    def pass_minutes(self, first: int, last: int, *, failed: bool) -> None:
        """Each minute: one request ends, then the engine ticks."""
        for minute in range(first, last):
            at = self.clock(minute)
            self.number += 1
            trace = transaction()["contexts"]["trace"] | {"status": "internal_error" if failed else "ok"}
            times = {"start_timestamp": at.isoformat(), "timestamp": at.isoformat()}
            store(self.database, ("transaction", transaction(self.number, contexts={"trace": trace}, **times)), at=at)
            tick(self.database, at + MINUTE / self.speed / 2, self.speed)

    def flips(self) -> list[str]:
        return [row[0] for row in self.database.read().execute("SELECT kind FROM flip ORDER BY id")]

    def periods(self, monitor: int) -> list[OpenPeriod]:
        return open_periods(self.database.read(), detector_id=monitor, issue_id=None)


@pytest.mark.parametrize("speed", [1, 60])
def test_step_of_failures_opens_once_resolves_and_returns_as_regression(database: Database, speed: float) -> None:
    run = Run(database, speed)
    monitor = add_monitor(database, now=NOW)
    run.pass_minutes(0, 10, failed=False)
    assert run.flips() == []

    run.pass_minutes(10, 14, failed=True)
    assert run.flips() == ["first_seen_event"]
    issue = latest_issue(database.read(), monitor)
    assert issue
    assert (issue.status, issue.priority, issue.type) == ("unresolved", "high", "metric_issue")
    [period] = run.periods(monitor)
    assert period.end is None
    assert timedelta(0) < period.start - run.clock(10) <= MINUTE / speed

    run.pass_minutes(14, 19, failed=False)  # the last failure leaves the window of five minutes
    assert run.flips() == ["first_seen_event", "issue_resolved_trigger"]
    [period] = run.periods(monitor)
    assert period.end

    # A second breach within the damping of the first firing stays quiet; recovery leaves nothing to say either.
    assert run.clock(19) - period.start < DAMPING / speed
    run.pass_minutes(19, 20, failed=True)
    assert run.flips() == ["first_seen_event", "issue_resolved_trigger"]

    # Still breached when the damping ends: the same issue reopens, once.
    run.pass_minutes(20, 24, failed=True)
    assert run.flips() == ["first_seen_event", "issue_resolved_trigger", "regression_event"]
    again = latest_issue(database.read(), monitor)
    assert again
    assert (again.id, again.status, again.substatus, again.times_seen) == (issue.id, "unresolved", "regressed", 2)
    assert [each.end is None for each in run.periods(monitor)] == [True, False]


def test_breach_remembers_each_change_of_its_level(database: Database) -> None:
    monitor = add_monitor(database)
    for minute, level in enumerate((50, 75, 50, 0, 75)):
        at = NOW + minute * MINUTE
        [due] = due_monitors(database.read(), at)
        done = Evaluation(due, 0.5, level, at, is_change=True, at=at, next_due_at=at)
        assert database.write(partial(record_evaluation, done=done))
    found = [
        [((each.at - NOW) // MINUTE, each.type, each.level) for each in activities(database.read(), period.id)]
        for period in open_periods(database.read(), detector_id=monitor, issue_id=None)
    ]
    first = [(0, "opened", 50), (1, "status_change", 75), (2, "status_change", 50), (3, "closed", 0)]
    assert found == [[(4, "opened", 75)], first]


@pytest.mark.parametrize("speed", [1, 60])
def test_silence_neither_opens_nor_resolves(database: Database, speed: float) -> None:
    run = Run(database, speed)
    add_monitor(database, now=NOW)
    for minute in range(5):
        assert tick(database, run.clock(minute), speed) == 0
    run.pass_minutes(5, 6, failed=True)
    assert run.flips() == ["first_seen_event"]
    for minute in range(7, 60):
        tick(database, run.clock(minute), speed)
    assert run.flips() == ["first_seen_event"]


def test_tick_evaluates_at_the_cadence_and_makes_nothing_up(database: Database) -> None:
    monitor = add_monitor(database, aggregate="count()", conditions=(("gt", 5, 75), ("lte", 5, 0)))

    def evaluated_at() -> Any:
        return (
            database.read()
            .execute(
                "SELECT evaluated_ms, next_due_ms, value, version FROM detector_state WHERE detector_id = ?", (monitor,)
            )
            .get
        )

    def ms(moment: datetime) -> float:
        return moment.timestamp() * 1000

    tick(database, NOW, 1)
    assert evaluated_at() == (ms(NOW), ms(NOW + MINUTE), 0, 1)
    tick(database, NOW + 0.99 * MINUTE, 1)  # not due
    assert evaluated_at() == (ms(NOW), ms(NOW + MINUTE), 0, 1)
    # After an hour away: evaluated once, and due again on the same beat.
    late = NOW + 60.3 * MINUTE
    tick(database, late, 1)
    assert evaluated_at() == (ms(late), ms(NOW + 61 * MINUTE), 0, 2)


def test_store_closed_in_the_middle_of_a_tick_is_no_complaint(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As SIGTERM does it: the tick runs in a thread that nobody waits for."""
    for _ in range(2):
        add_monitor(database)

    def measure_late(*asked: Any) -> float | None:
        database.close()
        return measure(*asked)

    monkeypatch.setattr(alerting, "measure", measure_late)
    assert tick(database, NOW, 1) == 0
    assert caplog.records == []


def test_window_is_half_open_and_shrinks_by_the_speed(database: Database) -> None:
    monitor = add_monitor(database, aggregate="count()", now=NOW + MINUTE)
    edge = NOW + MINUTE
    for number, offset in enumerate((-5.0, -4.999, 0.0, -5.001), start=1):
        at = (edge + timedelta(seconds=offset)).isoformat()
        store(database, ("transaction", transaction(number, start_timestamp=at, timestamp=at)), at=edge)
    tick(database, edge, speed=60)  # five minutes are five seconds: of the four, two are in [-5, 0)
    value = database.read().execute("SELECT value FROM detector_state WHERE detector_id = ?", (monitor,)).get
    assert value == 2


@pytest.mark.parametrize(
    ("query", "environment", "dataset", "expected"),
    [
        ("is_transaction:true", None, "events_analytics_platform", 3),
        ("", None, "events_analytics_platform", 3),
        ("!is_transaction:true", None, "events_analytics_platform", 0),
        ("transaction:/a", None, "events_analytics_platform", 2),
        ("!transaction:/a", None, "events_analytics_platform", 1),
        ("transaction:[/a, /b]", None, "events_analytics_platform", 3),
        ("code:X", None, "events_analytics_platform", 1),
        ("tags[code]:X", None, "events_analytics_platform", 1),
        ("!code:X", None, "events_analytics_platform", 2),
        ("code:*", None, "events_analytics_platform", 3),  # an absent tag is the empty text
        ("code:x*", None, "events_analytics_platform", 1),
        ("transaction:*A", None, "events_analytics_platform", 2),
        ("!transaction:/_", None, "events_analytics_platform", 3),
        ("transaction:/_*", None, "events_analytics_platform", 0),  # an underscore is itself
        ("span.duration:>19.5", None, "events_analytics_platform", 3),
        ("span.duration:>0.02s", None, "events_analytics_platform", 0),
        ("span.duration:>=20ms", None, "events_analytics_platform", 3),
        ("!span.duration:<1m", None, "events_analytics_platform", 0),
        ("code:>0", None, "events_analytics_platform", 0),  # no number
        ("number:>=7", None, "events_analytics_platform", 1),
        ("", "test", "events_analytics_platform", 1),
        ("", "prod", "events_analytics_platform", 0),
        ("", None, "events", 2),
        ("level:error", None, "events", 1),
        ("is:unresolved", None, "events", 2),
        ("is:resolved", None, "events", 0),
    ],
)
def test_monitor_counts_what_its_query_names(
    database: Database, query: str, environment: str | None, dataset: str, expected: int
) -> None:
    store(database, ("transaction", transaction(1, transaction="/a", tags={"code": "X", "number": "7"})))
    store(database, ("transaction", transaction(2, transaction="/a", environment="test")))
    store(database, ("transaction", transaction(3, transaction="/b")))
    store(database, ("event", error(4)))
    store(database, ("event", error(5, "KeyError", level="warning")))
    now = NOW + MINUTE
    monitor = add_monitor(database, aggregate="count()", query=query, environment=environment, dataset=dataset, now=now)
    tick(database, now, 1)
    value = database.read().execute("SELECT value FROM detector_state WHERE detector_id = ?", (monitor,)).get
    assert value == expected


@pytest.mark.parametrize(
    ("extrapolation", "expected"), [("unknown", 11), ("client_and_server_weighted", 11), ("none", 2)]
)
def test_extrapolation_decides_what_a_sampled_request_counts_for(
    database: Database, extrapolation: str, expected: float
) -> None:
    store(database, ("transaction", transaction(1)), trace={"sample_rate": "0.1"})
    store(database, ("transaction", transaction(2)))
    now = NOW + MINUTE
    add_monitor(database, aggregate="count()", now=now, extrapolation=extrapolation)
    tick(database, now, 1)
    assert database.read().execute("SELECT value FROM detector_state").get == expected


def test_count_unique_counts_values_of_a_tag(database: Database) -> None:
    for number, code in enumerate(("A", "B", "A", None)):
        store(database, ("event", error(number, tags={} if code is None else {"code": code})))
    now = NOW + MINUTE
    add_monitor(database, aggregate="count_unique(code)", dataset="events", query="", now=now)
    tick(database, now, 1)
    assert database.read().execute("SELECT value FROM detector_state").get == 2


@pytest.mark.parametrize("speed", [1, 60])
def test_percent_change_compares_with_the_same_window_earlier(database: Database, speed: float) -> None:
    """Half as much again is 150; without anything to compare with nothing is decided."""
    run = Run(database, speed)
    config = {"detectionType": "percent", "comparisonDelta": 900}
    conditions = (("gt", 150, 75), ("lte", 150, 0))
    add_monitor(database, aggregate="count()", config=config, conditions=conditions, now=run.clock(0.5))

    def value() -> Any:
        return database.read().execute("SELECT value FROM detector_state").get

    run.pass_minutes(0, 10, failed=False)
    assert value() is None  # nothing to compare with yet
    run.pass_minutes(10, 25, failed=False)
    assert value() == 100
    for minute in range(25, 31):
        run.pass_minutes(minute, minute + 1, failed=False)
        run.pass_minutes(minute, minute + 1, failed=False)
    assert value() == 180  # nine by five: the second request of the last minute came after the evaluation
    # The first firing was against the window that had just begun to fill: a new service looks like a surge.
    assert run.flips() == ["first_seen_event", "issue_resolved_trigger", "regression_event"]


def test_escalation_to_high_is_told_and_the_way_back_is_not(database: Database) -> None:
    conditions = (("gt", 3, 75), ("gt", 1, 50), ("lte", 1, 0))
    add_monitor(database, aggregate="count()", conditions=conditions, window=MINUTE)
    kinds = []
    for minute, count in enumerate((2, 4, 2, 0)):
        at = NOW + minute * MINUTE
        stamp = (at - timedelta(seconds=1)).isoformat()
        for number in range(count):
            sent = transaction(minute * 10 + number, start_timestamp=stamp, timestamp=stamp)
            store(database, ("transaction", sent), at=at)
        tick(database, at, 1)
        kinds.append([row[0] for row in database.read().execute("SELECT kind FROM flip ORDER BY id")])
    assert kinds == [
        ["first_seen_event"],
        ["first_seen_event", "escalated"],
        ["first_seen_event", "escalated"],
        ["first_seen_event", "escalated", "issue_resolved_trigger"],
    ]


def test_archived_metric_issue_reappears(database: Database) -> None:
    run = Run(database, 1)
    monitor = add_monitor(database)
    run.pass_minutes(0, 1, failed=True)
    run.pass_minutes(1, 7, failed=False)
    issue = latest_issue(database.read(), monitor)
    assert issue
    database.write(lambda connection: set_status(connection, issue.id, "ignored"))
    run.pass_minutes(20, 21, failed=True)
    assert run.flips() == ["first_seen_event", "issue_resolved_trigger", "reappeared_event"]


def test_late_data_never_reopens_a_window(database: Database) -> None:
    """A failure that arrives after its window has been evaluated is only seen by windows that still hold it."""
    run = Run(database, 1)
    add_monitor(database)
    run.pass_minutes(0, 30, failed=False)
    late = (NOW + 10 * MINUTE).isoformat()
    trace = transaction()["contexts"]["trace"] | {"status": "internal_error"}
    sent = transaction(900, start_timestamp=late, timestamp=late, contexts={"trace": trace})
    store(database, ("transaction", sent), at=NOW + 30 * MINUTE)
    run.pass_minutes(30, 35, failed=False)
    assert run.flips() == []


def test_one_monitor_that_fails_is_put_back_and_the_rest_run(database: Database) -> None:
    bad = add_monitor(database, aggregate="nonsense()")
    good = add_monitor(database, aggregate="count()", conditions=(("gte", 0, 50), ("lt", 0, 0)))
    assert tick(database, NOW, 1) == 1
    due = dict(database.read().execute("SELECT detector_id, next_due_ms FROM detector_state"))
    assert due[bad] == due[good] == (NOW + MINUTE).timestamp() * 1000
    issue = latest_issue(database.read(), good)
    assert issue
    assert issue.priority == "medium"


def test_reopened_issue_takes_the_priority_of_its_new_breach(database: Database) -> None:
    conditions = (("gt", 10, 75), ("gt", 1, 50), ("lte", 1, 0))
    monitor = add_monitor(database, aggregate="count()", conditions=conditions, window=MINUTE)
    priorities = []
    for minute, count in ((0, 12), (1, 0), (12, 5), (13, 12), (14, 5), (15, 0)):
        at = NOW + minute * MINUTE
        for number in range(count):
            stamp = (at - timedelta(seconds=1)).isoformat()
            store(
                database,
                ("transaction", transaction(minute * 100 + number, start_timestamp=stamp, timestamp=stamp)),
                at=at,
            )
        tick(database, at, 1)
        issue = latest_issue(database.read(), monitor)
        assert issue
        priorities.append((issue.status, issue.priority))
    assert priorities == [
        ("unresolved", "high"),
        ("resolved", "high"),
        ("unresolved", "medium"),  # the second breach is milder than the first
        ("unresolved", "high"),
        ("unresolved", "medium"),
        ("resolved", "medium"),
    ]


def test_removed_monitor_is_left_alone(database: Database) -> None:
    monitor = add_monitor(database, aggregate="count()", conditions=(("gte", 0, 75), ("lt", 0, 0)))
    database.write(lambda connection: delete_detector(connection, monitor))
    assert tick(database, NOW, 1) == 0
    assert database.read().execute("SELECT count(*) FROM detector_state").get == 0
