"""Whether strangers decide what is traced: the exact bound, in both directions and at every rate."""

import pytest
from scipy.stats import binom

from rehearsal.disturbance import Forced
from rehearsal.forcing import judge_forced, trace_headers, upper_tail
from rehearsal.verdict import Status

COUNT = 60
FORCED = Forced(tuple(f"in_{number}" for number in range(COUNT)), tuple(f"out_{number}" for number in range(COUNT)))


def traced(asked_in: int, asked_out: int) -> set[str]:
    return {*FORCED.in_ids[:asked_in], *FORCED.out_ids[:asked_out]}


@pytest.mark.parametrize(
    ("rate", "asked_in", "asked_out", "said"),
    [
        (1.0, 60, 60, "60 traced of 60 that asked for it, 60 of 60 that asked not to be"),
        (1.0, 60, 59, "kept out by a caller, for example out_59: "),
        (0.5, 30, 30, "30 traced"),
        (0.5, 45, 15, "45 traced"),  # nearly four standard deviations, both ways: one rehearsal in 15,000
        (0.5, 60, 30, "forced by a caller, for example in_0: 60 traced of 60"),
        (0.5, 30, 0, "kept out by a caller, for example out_0: "),
        (0.1, 6, 6, "6 traced"),
        (0.1, 60, 6, "forced by a caller"),
        (0.1, 6, 0, "6 traced"),  # none of 60 at a tenth is chance, one time in 560
        (0.0, 0, 0, "0 traced"),
        (0.0, 1, 0, "forced by a caller, for example in_0: 1 traced of 60"),
        (0.25, 45, 44, "whoever asks, more is traced than configured: 45 traced of 60"),
        (0.25, 0, 0, "whoever asks, less is traced than configured: 0 traced of 60"),
    ],
)
def test_a_share_that_is_no_chance_is_named(rate: float, asked_in: int, asked_out: int, said: str) -> None:
    finding = judge_forced(FORCED, traced(asked_in, asked_out), rate)
    assert finding.detail.startswith(said)
    assert (finding.status is Status.FAILED) == ("by a caller" in said or "whoever asks" in said)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_whatever_the_rate_is_heeding_strangers_is_noticed(rate: float) -> None:
    """The drill that ships asks 60 times each way: at every rate one of the two ways is impossible by chance."""
    assert judge_forced(FORCED, traced(COUNT, 0), rate).status is Status.FAILED


def test_the_tail_is_that_of_the_binomial() -> None:
    assert upper_tail(12, 60, 0.1) == pytest.approx(binom.sf(11, 60, 0.1))


def test_headers_leave_no_way_of_asking_out() -> None:
    headers = trace_headers(is_sampled=True)
    trace_id = headers["sentry-trace"].split("-")[0]
    assert headers["sentry-trace"].endswith("-1")
    assert f"sentry-trace_id={trace_id}" in headers["baggage"]
    assert "sentry-sampled=true" in headers["baggage"]
    assert trace_headers(is_sampled=False)["sentry-trace"].endswith("-0")
