"""A monitor's value over time, and when it could first have been seen."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from embedded.store.windows import Sample
from monitors.model import Monitor, Priority, Threshold
from rehearsal.curves import Trace, draw, first_bad, first_over, show_threshold, value_at
from tests.unit.rehearsal.samples import MINUTE, ORIGIN, PACE, monitor

RATE = monitor("ISL error rate")  # over 5 % in five minutes
P95 = monitor("ISL p95 latency")


def trace(of: Monitor, *samples: tuple[float, Sample]) -> Trace:
    """Samples by the minute of production time at which they ended."""
    return Trace(of, tuple(at(minute) for minute, _ in samples), tuple(sample for _, sample in samples))


def at(minute: float) -> datetime:
    return ORIGIN + PACE.wall(minute * MINUTE)


def request(*, failed: bool = False, ms: float = 20.0) -> Sample:
    return Sample(ms, "internal_error" if failed else "ok", 1.0)


# Ten good ones a minute; from the sixth minute on every second one fails.
FAILING = trace(RATE, *((number / 10, request(failed=number > 60 and number % 2 == 1)) for number in range(121)))


def test_value_is_that_of_the_window_before() -> None:
    assert value_at(FAILING, at(6), PACE) == 0.0
    assert value_at(FAILING, at(12), PACE) == pytest.approx(0.5, abs=0.02)
    assert value_at(FAILING, at(60), PACE) is None  # no data is not zero


def test_the_first_bad_request_comes_before_the_window_is_over() -> None:
    assert first_bad(FAILING, at(6), at(12)) == at(6.1)
    assert first_over(FAILING, at(6), at(12), PACE) == at(6.5)  # the third of fifty-one
    assert first_over(FAILING, at(0), at(6), PACE) is None


def test_of_a_percentile_the_slow_ones_are_bad() -> None:
    slow = trace(P95, *((number / 10, request(ms=3000.0 if number > 60 else 20.0)) for number in range(121)))
    assert first_bad(slow, at(0), at(12)) == at(6.1)
    assert first_over(slow, at(0), at(12), PACE) == at(6.4)  # the fourth of sixty-five


def test_a_curve_has_the_lowest_threshold_and_gaps() -> None:
    curve = draw(FAILING, PACE, 30 * MINUTE)
    assert curve is not None
    assert (curve.unit, curve.threshold, curve.condition) == ("fraction", 0.05, show_threshold(RATE))
    assert curve.points[0] == (timedelta(0), 0.0)
    assert curve.points[-1] == (30 * MINUTE, None)


def test_a_monitor_that_compares_with_an_earlier_window_has_none() -> None:
    assert draw(trace(replace(RATE, compared_to=timedelta(days=1))), PACE, MINUTE) is None


@pytest.mark.parametrize(("comparison", "expected"), [("gt", 1.0), ("lt", 2.0)])
def test_of_two_thresholds_the_one_that_is_reached_first_is_drawn(comparison: str, expected: float) -> None:
    both = tuple(
        Threshold(comparison, value, priority)  # type: ignore[arg-type]
        for value, priority in ((1.0, Priority.MEDIUM), (2.0, Priority.HIGH), (0.0, Priority.RESOLVED))
    )
    curve = draw(trace(replace(RATE, thresholds=both)), PACE, MINUTE)
    assert curve is not None
    assert curve.threshold == expected
