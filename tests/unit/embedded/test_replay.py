"""A monitor over stored data: the engine's own values, and what thresholds make of them."""

from datetime import UTC, datetime, timedelta

import pytest

from embedded.evaluate import Condition, Level
from embedded.pages.replay import Point, breaches, edited, evaluation_times, replay
from embedded.store.alerts import DueMonitor
from embedded.store.times import to_ms
from embedded.store.windows import Sample

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OWN = (Condition("gt", 0.5, Level.HIGH), Condition("lte", 0.2, Level.OK))


def monitor(aggregate: str = "failure_rate()", *, is_weighted: bool = True) -> DueMonitor:
    window = timedelta(minutes=5)
    return DueMonitor(
        1,
        1,
        "m",
        "events_analytics_platform",
        "",
        aggregate,
        window,
        None,
        None,
        is_weighted,
        (),
        0,
        0,
        None,
        START,
        None,
    )


def at(minutes: float) -> datetime:
    return START + minutes * MINUTE


def points(*values: float | None) -> list[Point]:
    return [Point(at(number), value, 1) for number, value in enumerate(values)]


def test_evaluations_are_a_cadence_apart_and_bounded() -> None:
    assert evaluation_times(monitor(), at(10), at(7.5), 99, 1) == [at(8), at(9), at(10)]
    assert evaluation_times(monitor(), at(10), at(0), 2, 1) == [at(9), at(10)]
    assert evaluation_times(monitor(), at(10), at(9), 99, 10)[-2:] == [at(9.9), at(10)]
    assert evaluation_times(monitor(), at(10), at(11), 99, 1) == []


def test_replay_sees_the_window_before_each_evaluation_and_nothing_later() -> None:
    timed = [
        (to_ms(at(minute)), Sample(1, status, 1)) for minute, status in ((0, "ok"), (3, "internal_error"), (8, "ok"))
    ]
    found = replay(monitor(), timed, [at(1), at(4), at(7), at(8), at(20)], 1)
    assert [each.value for each in found] == [0, 0.5, 1, 1, None]  # at 8 the window ends before the sample at 8
    assert [each.samples for each in found] == [1, 2, 1, 1, 0]


@pytest.mark.parametrize(("is_weighted", "expected"), [(True, 0.8), (False, 0.5)])
def test_replay_weighs_as_the_monitor_does(*, is_weighted: bool, expected: float) -> None:
    timed = [(to_ms(at(0)), Sample(1, "ok", 1)), (to_ms(at(0)), Sample(1, "internal_error", 4))]
    [found] = replay(monitor(is_weighted=is_weighted), timed, [at(1)], 1)
    assert found.value == pytest.approx(expected)


def test_a_breach_lasts_until_the_resolve_threshold() -> None:
    [found] = breaches(points(0.1, 0.6, 0.4, None, 0.1, 0.1), OWN, 1)
    assert (found.start, found.end, found.peak, found.value) == (at(1), at(4), Level.HIGH, 0.6)


def test_a_breach_at_the_end_lasts() -> None:
    [found] = breaches(points(0.1, 0.6), OWN, 1)
    assert found.end is None


def test_a_second_breach_is_damped_for_ten_minutes_of_production() -> None:
    values = (0.6, 0.1, 0.6, 0.1)
    assert len(breaches(points(*values), OWN, 1)) == 1
    assert len(breaches(points(*values), OWN, 6)) == 2


def test_edited_thresholds_change_the_answer_and_keep_what_is_not_given() -> None:
    changed = edited(OWN, 0.9, None)
    assert changed == (Condition("gt", 0.9, Level.HIGH), OWN[1])
    assert breaches(points(0.1, 0.6, 0.1), changed, 1) == []
    assert edited(OWN, None, None) == OWN
