"""When a fault can be seen, against the sliding window itself."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitors.model import Comparison, Monitor, parse_aggregate
from rehearsal.breach import UNKNOWN, predict
from rehearsal.disturbance import Fault
from tests.unit.rehearsal.samples import monitor

ERROR_RATE = monitor("ISL error rate")  # over 0.05 in 5 minutes
LATENCY = monitor("ISL p95 latency")  # over 2000 ms in 10 minutes


def seconds(*spans: timedelta) -> tuple[float, ...]:
    return tuple(span.total_seconds() for span in spans)


@pytest.mark.parametrize(
    ("fault", "can_breach", "breach_s", "recovery_s"),
    [
        (Fault("error_rate", 0.20), True, 75, 225),
        (Fault("error_rate", 1.0), True, 15, 285),
        (Fault("error_rate", 1.0, ("/api/v1/a",), hits=0.25), True, 60, 240),
        (Fault("error_rate", 1.0, ("/api/v1/a",), hits=0.04), False, 0, 0),
        (Fault("dependency_down", 1.0, ("database",), hits=0.25), True, 60, 240),
        (Fault("error_rate", 0.05), False, 0, 0),
        (Fault("error_rate", 0.03), False, 0, 0),
        (Fault("added_latency_ms", 3000), False, 0, 0),
    ],
)
def test_error_rate_monitor_turns_when_the_window_holds_enough(
    fault: Fault, can_breach: bool, breach_s: int, recovery_s: int
) -> None:
    found = predict(ERROR_RATE, fault, 60)
    assert found.can_breach is can_breach
    assert seconds(found.breach_after, found.recovery_after) == pytest.approx((breach_s, recovery_s))


@pytest.mark.parametrize(("creeps_min", "share"), [(8, 0.2), (20, 0.2), (2, 0.2), (8, 0.06)])
def test_a_fault_that_creeps_is_seen_when_the_mean_of_the_window_says_so(creeps_min: int, share: float) -> None:
    """Against the mean of the window, second by second."""
    found = predict(ERROR_RATE, Fault("error_rate", share, creeps=timedelta(minutes=creeps_min)), 60)
    grown = [min(1.0, second / (creeps_min * 60)) * share for second in range(3600)]
    first = next(at for at in range(3600) if sum(grown[max(0, at - 300) : at]) / 300 > 0.05)
    assert found.breach_after.total_seconds() == pytest.approx(first, abs=3)


@pytest.mark.parametrize("watching", [ERROR_RATE, LATENCY], ids=["failures", "latency"])
def test_a_dependency_that_is_away_at_times_is_not_predicted(watching: Monitor) -> None:
    assert predict(watching, Fault("dependency_down", 0.5, ("database",), hits=0.25), 60).can_breach is None


def test_p95_turns_when_a_twentieth_of_the_window_is_slow_and_the_slow_have_ended() -> None:
    slow = predict(LATENCY, Fault("added_latency_ms", 3000), 60)
    assert seconds(slow.breach_after, slow.recovery_after) == pytest.approx((180 + 30, 180 + 570), abs=0.1)
    assert predict(LATENCY, Fault("added_latency_ms", 1000), 60).can_breach is False


def test_a_lower_resolve_threshold_makes_the_recovery_wait() -> None:
    resolve = replace(ERROR_RATE.resolve, value=0.02)
    strict = replace(ERROR_RATE, thresholds=(*ERROR_RATE.thresholds[:-1], resolve))
    assert seconds(predict(strict, Fault("error_rate", 0.2), 60).recovery_after) == pytest.approx((270,))


@pytest.mark.parametrize(
    ("aggregate", "comparison", "fault"),
    [("count()", "gt", "error_rate"), ("failure_rate()", "lt", "error_rate"), ("failure_rate()", "gt", "silence")],
)
def test_what_the_model_does_not_know_is_unknown_and_not_impossible(
    aggregate: str, comparison: Comparison, fault: str
) -> None:
    first, *others = ERROR_RATE.thresholds
    thresholds = (replace(first, comparison=comparison), *others)
    odd = replace(ERROR_RATE, aggregate=parse_aggregate(aggregate), thresholds=thresholds)
    assert predict(odd, Fault(fault, 0.2), 60) == UNKNOWN


@pytest.mark.parametrize("share", [0.08, 0.2, 0.5])
def test_the_formula_agrees_with_a_window_slid_second_by_second(share: float) -> None:
    window, limit = 300, 0.05
    history = [0.0] * window + [share] * window + [0.0] * window
    values = [sum(history[at - window : at]) / window for at in range(window, len(history))]
    first_over = next(at for at, value in enumerate(values) if value > limit)
    first_under = next(at for at, value in enumerate(values[window:]) if value <= limit)
    found = predict(ERROR_RATE, Fault("error_rate", share), 60)
    assert seconds(found.breach_after, found.recovery_after) == pytest.approx((first_over, first_under), abs=1)
