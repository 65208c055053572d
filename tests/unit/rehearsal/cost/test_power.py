"""The power of share monitors: the published table, the engine's own evaluator on the same series, and plain cases."""

from dataclasses import replace
from datetime import timedelta
from math import comb

import numpy as np
import pytest

from monitors.load import RULES_DIRECTORY, load_rules
from monitors.model import parse_aggregate
from rehearsal.cost.power import (
    MONTH,
    Watch,
    breach_probability,
    count_firings,
    count_pages,
    detectable,
    power,
    requests_needed,
    watch,
)
from rehearsal.errors import UsageError

GUIDE = Watch(0.05, timedelta(minutes=5), timedelta(minutes=1))  # error rate over 5 % for 5 minutes
MILLION = 0.386  # requests a second: a million a month


# Requests a second, rate, P(window breaches) at 1, 3, 8 and 10 % bad. Computed apart from this code, to two digits.
# Its rows at a rate of 1.0 hold the number of requests in a window fixed, which traffic does not: see the test below.
@pytest.mark.parametrize(
    ("per_second", "rate", "expected"),
    [
        (MILLION, 0.5, (0.012, 0.19, 0.79, 0.91)),
        (MILLION, 0.1, (0.108, 0.29, 0.60, 0.69)),
        (MILLION, 0.01, (0.012, 0.03, 0.09, 0.11)),
        (1.0, 0.1, (0.037, 0.22, 0.69, 0.80)),
        (1.0, 0.05, (0.118, 0.32, 0.66, 0.75)),
        (5.0, 0.1, (0.0002, 0.08, 0.92, 0.99)),
        (5.0, 0.01, (0.118, 0.32, 0.66, 0.75)),
        (20.0, 0.1, (0.0, 0.004, 1.0, 1.0)),
        (20.0, 0.05, (0.0, 0.03, 0.98, 1.0)),
        (20.0, 0.01, (0.011, 0.18, 0.79, 0.91)),
        (100.0, 0.01, (0.0, 0.03, 0.98, 1.0)),
    ],
)
def test_breach_probability_is_that_of_the_table(
    per_second: float, rate: float, expected: tuple[float, float, float, float]
) -> None:
    found = [breach_probability(per_second * rate * 300, bad, 0.05) for bad in (0.01, 0.03, 0.08, 0.10)]
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("requests", "expected"), [(116, (0.001, 0.14, 0.91, 0.98)), (300, (0.0, 0.02, 0.97, 1.0))])
def test_rows_of_fixed_counts_are_binomial_and_traffic_adds_its_own_noise(
    requests: int, expected: tuple[float, ...]
) -> None:
    """The table's rows at 1.0: with exactly so many requests a window breaches as often as they say.

    With as many on average, as Poisson traffic has them, it breaches a little oftener while all is well and a little
    more seldom when it is not; the other rows of the table have that.
    """
    shares = (0.01, 0.03, 0.08, 0.10)
    fixed = [_binomial_tail(requests, bad) for bad in shares]
    assert fixed == pytest.approx(expected, abs=0.01)
    found = [breach_probability(requests, bad, 0.05) for bad in shares]
    assert found == pytest.approx(fixed, abs=0.03)
    assert found != pytest.approx(fixed, abs=1e-4)


def _binomial_tail(requests: int, bad: float) -> float:
    """P(more than 5 % of so many requests are bad)."""
    most = int(requests * 0.05)
    return 1 - sum(comb(requests, k) * bad**k * (1 - bad) ** (requests - k) for k in range(most + 1))


@pytest.mark.parametrize(
    ("sampled_per_second", "a_day"),
    [
        (MILLION, 0.7),
        (MILLION * 0.5, 7.5),
        (MILLION * 0.1, 28),
        (MILLION * 0.01, 3.4),
        (0.1, 17),
        (0.05, 35),
        (0.2, 6.9),
    ],
)
def test_false_openings_are_those_of_the_table(sampled_per_second: float, a_day: float) -> None:
    """A month of about 30 x that: its standard error is the root of the count, and the table is rounded."""
    found = count_pages(GUIDE, sampled_per_second, 0.01, MONTH, np.random.default_rng(1))
    assert found == pytest.approx(30 * a_day, abs=4 * (30 * a_day) ** 0.5 + 30 * 0.5)


@pytest.mark.parametrize(
    ("sampled_per_second", "median", "p95"), [(MILLION, 3, 5), (MILLION * 0.1, 3, 13), (0.5, 3, 5)]
)
def test_minutes_to_fire_are_those_of_the_table(sampled_per_second: float, median: int, p95: int) -> None:
    found = power(GUIDE, sampled_per_second, healthy=0.01, degraded=0.10)
    assert found.median is not None
    assert found.p95 is not None
    assert abs(found.median - timedelta(minutes=median)) <= timedelta(minutes=1)
    assert abs(found.p95 - timedelta(minutes=p95)) <= timedelta(minutes=1)


def test_median_beyond_the_horizon_is_none_and_not_a_number() -> None:
    found = power(GUIDE, MILLION * 0.001, healthy=0.01, degraded=0.10)
    assert found.median is None
    assert found.p95 is None
    assert found.within[0] <= found.within[1] <= found.within[2] < 0.5


@pytest.mark.parametrize(("healthy", "degraded", "needed"), [(0.01, 0.10, 120), (0.02, 0.10, 300), (0.03, 0.08, 840)])
def test_requests_needed_are_those_of_the_table(healthy: float, degraded: float, needed: int) -> None:
    assert requests_needed(healthy, degraded, 0.05) == pytest.approx(needed, rel=0.15)


def test_evaluator_on_the_breaches_alone_says_what_it_says_on_every_tick() -> None:
    """The short cut of `count_pages`: the same series, once whole and once where the evaluator can turn."""
    values = np.random.default_rng(3).choice([0.0, 0.04, 0.06, 0.2], size=20_000, p=[0.5, 0.3, 0.1, 0.1])
    over = values > GUIDE.limit
    turning = over | np.concatenate(([False], over[:-1]))
    ticks = np.arange(values.size)
    whole = count_firings(GUIDE, ticks, values)
    assert count_firings(GUIDE, ticks[turning], values[turning]) == whole > 100


@pytest.mark.parametrize(("expected", "share"), [(116, 0.03), (116, 0.08), (300, 0.03), (11.6, 0.01)])
def test_simulated_windows_breach_as_often_as_the_exact_sum_says(expected: float, share: float) -> None:
    """20,000 windows that share no request, against the formula, within four standard errors."""
    rng = np.random.default_rng(5)
    bad, good = rng.poisson(expected * share, 20_000), rng.poisson(expected * (1 - share), 20_000)
    exact = breach_probability(expected, share, 0.05)
    found = float(np.mean(bad / np.maximum(1, bad + good) > 0.05))
    assert found == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 20_000) ** 0.5)


def test_more_requests_detect_less() -> None:
    found = [detectable(expected, 0.05) for expected in (30, 120, 840)]
    assert found == sorted(found, reverse=True)
    assert breach_probability(120, found[1], 0.05) == pytest.approx(0.95, abs=1e-6)
    assert detectable(1, 0.05) == 1.0


def test_nothing_bad_never_breaches_and_all_bad_always_does() -> None:
    assert breach_probability(100, 0.0, 0.05) == 0
    assert breach_probability(100, 1.0, 0.05) == pytest.approx(1.0)
    assert breach_probability(1e5, 0.01, 0.05) == pytest.approx(0.0, abs=1e-12)


def test_both_metric_monitors_of_the_guide_are_shares() -> None:
    monitors = {each.name: watch(each) for each in load_rules(RULES_DIRECTORY).monitors if "ISL" in each.name}
    assert monitors["ISL error rate"] == GUIDE
    assert monitors["ISL p95 latency"].limit == pytest.approx(0.05)
    assert monitors["ISL p95 latency"].ticks == 10


@pytest.mark.parametrize("aggregate", ["count()", "avg(span.duration)", "p100(span.duration)"])
def test_monitor_of_no_share_is_refused(aggregate: str) -> None:
    monitor = replace(load_rules(RULES_DIRECTORY).monitors[0], aggregate=parse_aggregate(aggregate))
    with pytest.raises(UsageError, match="measures no share of requests"):
        watch(monitor)


@pytest.mark.parametrize(
    ("per_second", "healthy", "told"),
    [(0.0, 0.01, "nothing is sampled"), (1.0, 1.5, "healthy share of bad requests is 1.5")],
)
def test_impossible_input_is_told(per_second: float, healthy: float, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        power(GUIDE, per_second, healthy, 0.1)


def test_thresholds_that_no_traffic_can_tell_apart_are_told() -> None:
    with pytest.raises(UsageError, match=r"move the threshold"):
        requests_needed(0.01, 0.04, 0.05)
