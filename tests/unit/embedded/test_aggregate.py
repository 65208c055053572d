"""Samples -> one number, against definitions that are slow and plain."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.aggregate import aggregate, condense
from embedded.store.windows import Sample
from monitors.model import PERCENTILES, Aggregate, parse_aggregate

OK_20, OK_40, FAILED_60 = Sample(20, "ok", 1), Sample(40, "ok", 1), Sample(60, "internal_error", 1)
WINDOW = timedelta(minutes=5)
HEAVY = Sample(10, "ok", 9)  # one of nine, sampled


@pytest.mark.parametrize(
    ("wanted", "samples", "expected"),
    [
        ("count()", [], 0),  # a count of nothing is zero
        ("failure_rate()", [], None),  # a rate of nothing is no data
        ("p95(span.duration)", [], None),
        ("count()", [OK_20, FAILED_60], 2),
        ("count()", [HEAVY, FAILED_60], 10),
        ("failure_rate()", [OK_20, OK_40, OK_20, FAILED_60], 0.25),
        ("failure_rate()", [HEAVY, FAILED_60], 0.1),
        ("failure_rate()", [Sample(1, status, 1) for status in ("ok", "cancelled", "unknown")], 0),
        ("failure_rate()", [Sample(1, status, 1) for status in ("not_found", "deadline_exceeded")], 1),
        ("p50(span.duration)", [OK_20, OK_40, FAILED_60], 40),
        ("p50(span.duration)", [HEAVY, OK_40, FAILED_60], 10),
        ("p90(span.duration)", [HEAVY, FAILED_60], 10),
        ("p95(span.duration)", [HEAVY, FAILED_60], 60),
        ("p99(span.duration)", [OK_20], 20),
        ("p50(span.duration)", [Sample(None, None, 1)], None),  # errors have no duration
        ("count()", [Sample(None, None, 1)] * 3, 3),
        ("failure_count()", [], 0),
        ("failure_count()", [HEAVY, FAILED_60, FAILED_60], 2),
        ("failure_count()", [Sample(60, "internal_error", 4), OK_20], 4),
        ("epm()", [], 0),
        ("epm()", [HEAVY, FAILED_60], 2),
        ("eps()", [HEAVY] * 100, 3),
        ("sum(span.duration)", [], None),
        ("sum(span.duration)", [HEAVY, FAILED_60], 150),
        ("avg(span.duration)", [HEAVY, FAILED_60], 15),
        ("avg(transaction.duration)", [Sample(None, None, 1)], None),
        ("min(span.duration)", [HEAVY, FAILED_60], 10),  # not weighed
        ("max(span.duration)", [HEAVY, FAILED_60], 60),
        ("p100(span.duration)", [HEAVY, FAILED_60], 60),
        ("apdex(span.duration,20)", [], None),
        ("apdex(span.duration,20)", [OK_20, Sample(80, "ok", 1), Sample(81, "ok", 2)], 0.375),  # (1 + 1/2) / 4
        ("apdex(span.duration,20)", [HEAVY, FAILED_60], 0.95),
        ("count_unique(release)", [], 0),
        # Not weighed; what has no value is none of them.
        ("count_unique(release)", [Sample(1, "ok", 9, "a"), Sample(1, "ok", 1, "b"), Sample(1, "ok", 1)], 2),
    ],
)
def test_aggregate_weighs_samples(wanted: str, samples: list[Sample], expected: float | None) -> None:
    assert aggregate(parse_aggregate(wanted), samples, WINDOW) == pytest.approx(expected)


def test_aggregate_refuses_an_unknown_function() -> None:
    with pytest.raises(ValueError, match=r"aggregate 'nonsense\(\)' is not known"):
        aggregate(Aggregate("nonsense", None), [OK_20], WINDOW)


SAMPLES = st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 5)), min_size=1, max_size=40)


@given(SAMPLES, st.sampled_from(sorted(PERCENTILES)))
def test_percentile_is_that_of_the_samples_repeated_by_weight(pairs: list[tuple[int, int]], name: str) -> None:
    """Nearest rank: the smallest value that at least the share of all, each repeated by its weight, does not exceed."""
    repeated = sorted(duration for duration, weight in pairs for _ in range(weight))
    share = PERCENTILES[name]
    naive = next(value for value in repeated if sum(each <= value for each in repeated) >= share * len(repeated) - 1e-9)
    samples = [Sample(duration, "ok", weight) for duration, weight in pairs]
    assert aggregate(Aggregate(name, "span.duration"), samples, WINDOW) == naive


@given(
    st.lists(
        st.tuples(st.sampled_from(["ok", "unknown", "internal_error"]), st.floats(1, 1e4)), min_size=1, max_size=40
    )
)
def test_failure_rate_is_a_fraction_and_keeps_under_scaling(pairs: list[tuple[str, float]]) -> None:
    rates = [
        aggregate(
            Aggregate("failure_rate", None), [Sample(1, status, weight * scale) for status, weight in pairs], WINDOW
        )
        for scale in (1, 8)
    ]
    assert rates[0] is not None
    assert 0 <= rates[0] <= 1
    assert rates[0] == pytest.approx(rates[1])


AGGREGATES = (
    "count()", "epm()", "failure_rate()", "failure_count()", "count_unique(release)", "apdex(span.duration,20)",
    "p50(span.duration)", "p95(span.duration)",
    *(f"{name}(span.duration)" for name in ("sum", "avg", "min", "max")),
)  # fmt: skip
MIXED = st.lists(
    st.builds(
        Sample,
        st.none() | st.integers(0, 100),
        st.sampled_from(["ok", "unknown", "internal_error"]),
        st.integers(1, 5),
        st.none() | st.sampled_from(["a", "b"]),
    ),
    max_size=20,
)


@pytest.mark.parametrize("name", AGGREGATES)
@given(first=MIXED, second=MIXED)
def test_condensed_parts_of_a_window_have_the_value_of_the_whole(
    name: str, first: list[Sample], second: list[Sample]
) -> None:
    wanted = parse_aggregate(name)
    parts = condense(wanted, first) + condense(wanted, second)
    assert aggregate(wanted, parts, WINDOW) == pytest.approx(aggregate(wanted, first + second, WINDOW))


@pytest.mark.parametrize(("name", "left"), [("failure_rate()", 2), ("avg(span.duration)", 1), ("count()", 1)])
def test_condensing_leaves_only_what_can_be_told_apart(name: str, left: int) -> None:
    samples = [Sample(duration, status, 1) for duration in range(50) for status in ("ok", "internal_error")]
    assert len(condense(parse_aggregate(name), samples)) == left
