"""When a fault can be seen, against the sliding window itself."""

from datetime import timedelta

import pytest

from rehearsal.breach import breach_after, recovery_after
from rehearsal.drill import Fault
from tests.unit.rehearsal.samples import monitor

ERROR_RATE = monitor("ISL error rate")  # over 0.05 in 5 minutes
LATENCY = monitor("ISL p95 latency")  # over 2000 ms in 10 minutes


@pytest.mark.parametrize(
    ("fault", "breach_s", "recovery_s"),
    [
        (Fault("error_rate", 0.20), 75, 225),
        (Fault("error_rate", 1.0), 15, 285),
        (Fault("error_rate", 0.05), None, 0),
        (Fault("error_rate", 0.03), None, 0),
        (Fault("added_latency_ms", 3000), None, 0),
    ],
)
def test_error_rate_monitor_turns_when_the_window_holds_enough(
    fault: Fault, breach_s: int | None, recovery_s: int
) -> None:
    assert breach_after(ERROR_RATE, fault) == (None if breach_s is None else timedelta(seconds=breach_s))
    assert recovery_after(ERROR_RATE, fault) == timedelta(seconds=recovery_s)


def test_p95_turns_when_a_twentieth_of_the_window_is_slow() -> None:
    slow = Fault("added_latency_ms", 3000)
    assert breach_after(LATENCY, slow) == pytest.approx(timedelta(seconds=30), abs=timedelta(milliseconds=1))
    assert breach_after(LATENCY, Fault("added_latency_ms", 1000)) is None


@pytest.mark.parametrize("share", [0.08, 0.2, 0.5])
def test_the_formula_agrees_with_a_window_slid_second_by_second(share: float) -> None:
    window, limit = 300, 0.05
    history = [0.0] * window + [share] * window + [0.0] * window
    values = [sum(history[at - window : at]) / window for at in range(window, len(history))]
    first_over = next(at for at, value in enumerate(values) if value > limit)
    first_under = next(at for at, value in enumerate(values[window:]) if value <= limit)
    fault = Fault("error_rate", share)
    assert breach_after(ERROR_RATE, fault) == pytest.approx(timedelta(seconds=first_over), abs=timedelta(seconds=1))
    assert recovery_after(ERROR_RATE, fault) == pytest.approx(timedelta(seconds=first_under), abs=timedelta(seconds=1))
