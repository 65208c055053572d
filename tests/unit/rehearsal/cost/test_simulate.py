"""Any monitor's values and firings, simulated: against the engine's own functions, and against exact probabilities."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from embedded.aggregate import aggregate
from embedded.evaluate import Level, State, evaluate
from embedded.measure import cadence
from embedded.store.windows import Sample
from monitors.load import RULES_DIRECTORY, load_rules
from monitors.model import Dataset, Monitor, Priority, Threshold, parse_aggregate
from rehearsal.cost.mix import Health, Mix, mix_of, seen_by
from rehearsal.cost.power import breach_probability
from rehearsal.cost.simulate import START, breaches, clockwork, conditions, count_firings, draw, values
from rehearsal.cost.watched import Step, new_issue_pages, watched_power
from rehearsal.cost.workload import Endpoint, Rates
from rehearsal.errors import UsageError

LATENCIES = (5, 6, 7, 8, 10, 20, 30, 40, 50, 80, 120, 150)
ROUTES = (
    Endpoint("causal/validate", 0.8, 0.01, 3, 25, "/api/v1/causal/validate", latency_ms=LATENCIES),
    Endpoint("outcomes/log", 0.2, 0.01, 3, 25, "/api/v1/outcomes/log", latency_ms=tuple(2 * ms for ms in LATENCIES)),
)
STATUSES = ("ok", "internal_error")
STEP = Step(0.01, 0.10)
MILLION = 0.386  # requests a second
FUNCTIONS = (
    "count()", "epm()", "eps()", "failure_count()", "failure_rate()", "avg(span.duration)", "sum(span.duration)",
    "min(span.duration)", "max(span.duration)", "p50(span.duration)", "p95(span.duration)", "p100(span.duration)",
    "apdex(span.duration,30)",
)  # fmt: skip


def monitor(aggregate: str, comparison: str = "gt", limit: float = 0.05, **changed: object) -> Monitor:
    found = load_rules(RULES_DIRECTORY).monitors[0]
    opposite = {"gt": "lte", "lt": "gte"}[comparison]
    thresholds = (
        Threshold(comparison, limit, Priority.HIGH),  # type: ignore[arg-type]
        Threshold(opposite, limit, Priority.RESOLVED),  # type: ignore[arg-type]
    )
    whole = replace(found, aggregate=parse_aggregate(aggregate), thresholds=thresholds, query="is_transaction:true")
    return replace(whole, **changed)  # type: ignore[arg-type]


MIX = Mix(
    per_second=np.array([0.02, 0.01, 0.005, 0.001]),
    weight=np.array([1.0, 10.0, 1.0, 10.0]),
    is_bad=np.array([0.0, 0.0, 1.0, 1.0]),
    duration_ms=np.array([20.0, 100.0, 400.0, 5.0]),
)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_are_those_of_the_engine(function: str) -> None:
    """Windows of streams, against the engine's aggregate of the same requests one by one, weights and all."""
    watched = monitor(function)
    counts = draw(MIX, timedelta(minutes=1), (60,), np.random.default_rng(3))
    found = values(watched, clockwork(watched), MIX, counts)
    expected = []
    for end in range(5, 61):
        window = counts[end - 5 : end].sum(axis=0)
        samples = [
            Sample(float(MIX.duration_ms[kind]), STATUSES[int(MIX.is_bad[kind])], float(MIX.weight[kind]))
            for kind, count in enumerate(window)
            for _ in range(count)
        ]
        value = aggregate(watched.aggregate, samples, watched.window)
        expected.append(np.nan if value is None else value)
    assert found == pytest.approx(expected, nan_ok=True)
    assert len(set(expected)) > 1


def test_percent_change_compares_with_the_window_so_much_earlier() -> None:
    watched = monitor("count()", limit=150, compared_to=timedelta(minutes=10))
    clock = clockwork(watched)
    counts = np.arange(1, 61, dtype=np.int64).reshape(-1, 1)
    one = Mix(*(np.ones(1) for _ in range(4)))
    found = values(watched, clock, one, counts)
    assert clock.every == 2  # twice as slow
    assert found[0] == pytest.approx(100 * sum(range(11, 16)) / sum(range(1, 6)))
    assert found[1] == pytest.approx(100 * sum(range(13, 18)) / sum(range(3, 8)))


def test_firings_are_those_of_the_evaluator_asked_at_every_tick() -> None:
    watched = monitor("failure_rate()")
    found = np.random.default_rng(3).choice([0.0, 0.04, 0.06, 0.2, np.nan], 20_000, p=[0.5, 0.3, 0.08, 0.1, 0.02])
    state, fired = State(Level.OK, None), 0
    for tick, value in enumerate(found.tolist()):
        at = START + tick * cadence(watched.window, None)
        state, change = evaluate(conditions(watched), None if np.isnan(value) else value, state, at)
        fired += change is not None and change.before is Level.OK
    assert count_firings(watched, found) == fired > 100


def test_simulated_failure_rate_breaches_as_often_as_the_exact_sum_says() -> None:
    """The two ways to the same number: Poisson streams by the monitor's own thresholds, and the closed sum."""
    watched = replace(monitor("failure_rate()"), window=timedelta(minutes=1))
    mix = mix_of(watched, 0.386 * 5, ROUTES, Rates(1.0), Health(0.03))
    counts = draw(mix, timedelta(minutes=1), (20_000,), np.random.default_rng(5))
    found = values(watched, clockwork(watched), mix, counts)
    exact = breach_probability(0.386 * 300, 0.03, 0.05)
    assert np.mean(breaches(watched, found)) == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 20_000) ** 0.5)


def test_outage_of_all_traffic_is_seen_by_a_count_and_not_by_a_share() -> None:
    found = watched_power(monitor("count()", "lt", 30), MILLION, ROUTES, Rates(1.0), replace(STEP, times=100))
    assert found is not None
    assert found.within[0] > 0.95
    assert found.false_pages_per_month == 0
    assert found.kind == "traffic"


def test_average_sees_a_slower_service_the_surer_the_more_is_sampled() -> None:
    watched = monitor("avg(span.duration)", limit=60)
    found = [watched_power(watched, MILLION, ROUTES, Rates(rate), replace(STEP, times=3)) for rate in (0.02, 1.0)]
    assert [each.kind for each in found if each] == ["duration", "duration"]
    few, many = found
    assert few is not None
    assert many is not None
    assert few.within[0] < many.within[0]
    assert few.false_pages_per_month > 10 > 1 > many.false_pages_per_month
    assert many.detectable is not None
    assert 1.5 < many.detectable < 2.5  # the mean of 33 ms, times that, is over 60


def test_count_of_errors_sees_them_unsampled_whatever_traces_are() -> None:
    watched = monitor("count()", limit=12, dataset=Dataset.ERRORS, query="")
    whole, tenth = (watched_power(watched, MILLION, ROUTES, Rates(rate), STEP) for rate in (1.0, 0.1))
    assert whole == tenth
    assert whole is not None
    assert whole.within[1] > 0.3


def test_weighted_count_of_few_samples_swings_and_pages() -> None:
    """At 2 %, each sampled request counts for fifty: a count that is quiet at 1.0 pages all the time."""
    watched = monitor("count()", limit=200)
    whole, sampled = (watched_power(watched, MILLION, ROUTES, Rates(rate), STEP) for rate in (1.0, 0.02))
    assert whole is not None
    assert sampled is not None
    assert whole.false_pages_per_month == 0
    assert sampled.false_pages_per_month > 100


def test_monitor_of_one_route_sees_its_requests_alone() -> None:
    watched = monitor("failure_rate()", query="is_transaction:true transaction:/api/v1/outcomes/log")
    assert [each.name for each in seen_by(watched, ROUTES)] == ["outcomes/log"]
    found = watched_power(watched, MILLION, ROUTES, Rates(0.1, {"outcomes/log": 1.0}), STEP)
    assert found is not None
    assert found.requests_per_window == pytest.approx(MILLION * 300 * 0.2)
    assert watched_power(watched, MILLION, ROUTES, Rates(1.0, {"outcomes/log": 0.0}), STEP) is None


def test_new_error_pages_for_sure_unless_errors_are_sampled() -> None:
    assert new_issue_pages(1.0) == 1
    assert new_issue_pages(0.1) == pytest.approx(0.1)
    assert new_issue_pages(0.1, events=44) == pytest.approx(0.99, abs=0.01)


@pytest.mark.parametrize(
    ("function", "endpoints", "told"),
    [
        ("count_unique(user)", ROUTES, "counts different values.*watch count"),
        (
            "avg(span.duration)",
            (replace(ROUTES[0], latency_ms=(), share=1.0),),
            "those of causal/validate are not known",
        ),
    ],
)
def test_what_no_model_knows_is_told(function: str, endpoints: tuple[Endpoint, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        watched_power(monitor(function), MILLION, endpoints, Rates(1.0), STEP)
