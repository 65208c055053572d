"""What the pages compute: intervals, totals, buckets, and how numbers are written."""

import math
from datetime import timedelta

import pytest

from embedded.pages.charts import Band, Curve, Limit, curves, round_up, stacked, strip
from embedded.pages.formats import (
    show_late,
    show_ms,
    show_ms_between,
    show_number,
    show_percent,
    show_span,
    show_spread,
)
from embedded.pages.intervals import percentile_shares, total_half_width, wilson
from embedded.pages.traffic import endpoints_of, numbers_of, percentile_between
from embedded.store.windows import Sample
from embedded.tally import Tally, tally_of


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_agrees_with_the_published_examples(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_closes_exactly_where_none_or_all_are_hit() -> None:
    """114 requests without a failure were once shown as failing at 3.47e-16 % at least."""
    assert {wilson(0, trials)[0] for trials in range(1, 500)} == {0.0}
    assert {wilson(trials, trials)[1] for trials in range(1, 500)} == {1.0}


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("number", [20, 50, 100, 300, 1000])
def test_a_percentiles_interval_covers_the_true_one_95_times_in_100(share: float, number: int) -> None:
    """Exactly: the samples up to the true percentile are binomial, and few samples reach no upper end."""
    chances = [math.comb(number, hits) * share**hits * (1 - share) ** (number - hits) for hits in range(number + 1)]
    low, high = percentile_shares(share, number)
    assert low is not None
    first, last = math.ceil(number * low), math.ceil(number * high) if high is not None else number + 1
    assert 0.95 <= sum(chances[first:last]) <= 0.99
    assert (high is None) == (0.5 + 1.959964 * math.sqrt(number * share * (1 - share)) > number * (1 - share))


def test_a_percentiles_interval_is_wider_where_weights_differ() -> None:
    alike = tally_of([Sample(duration_ms, "ok", 5) for duration_ms in range(200)])
    assert alike.percentiles([0.95]) == [189]
    assert percentile_between(alike, 0.95) == (183, 196)
    mixed = tally_of([Sample(duration_ms, "ok", 1 if duration_ms % 2 else 9) for duration_ms in range(200)])
    low, high = percentile_between(mixed, 0.95)
    assert low is not None
    assert low < 183
    assert high is not None
    assert high > 196
    assert percentile_between(Tally(), 0.95) == (None, None)


def test_a_total_of_unsampled_requests_is_certain() -> None:
    assert total_half_width(50 * 1.0, 50 * 1.0**2) == 0
    assert total_half_width(4 * 10.0, 4 * 10.0**2) == pytest.approx(1.959964 * 360**0.5)


def test_rates_count_requests_for_what_they_stand_for() -> None:
    samples = [Sample(10, "ok", 4), Sample(30, "internal_error", 1)]
    numbers = numbers_of(tally_of(samples), timedelta(seconds=10))
    assert (numbers.samples, numbers.total, numbers.per_second) == (2, 5, 0.5)
    assert numbers.failure_rate == pytest.approx(0.2)
    assert numbers.percentiles_ms == (10, 30, 30)
    assert numbers.total_half == pytest.approx(1.959964 * 12**0.5)
    assert numbers.per_second_half == pytest.approx(numbers.total_half / 10)
    assert numbers.sample_rate == pytest.approx(0.4)


def test_nothing_stored_has_no_rates() -> None:
    numbers = numbers_of(Tally(), timedelta(seconds=10))
    assert (numbers.per_second, numbers.failure_rate, numbers.sample_rate) == (0, None, None)
    assert numbers.per_second_half == 0
    assert numbers.percentiles_ms == (None, None, None)


def test_endpoints_come_by_load() -> None:
    names = {"b": tally_of([Sample(1, "ok", 1), Sample(2, "ok", 1)]), "a": tally_of([Sample(1, "ok", 9)])}
    assert [each.name for each in endpoints_of(names, timedelta(seconds=1))] == ["a", "b"]


def test_a_gap_interrupts_a_curve() -> None:
    drawn = curves([Curve("p95", [1, 2, None, 3])], ["a", "b", "c", "d"], "label")
    assert drawn.svg.count('class="curve p95"') == 2


def test_charts_of_nothing_are_charts() -> None:
    assert stacked(("good",), [], [], "label").top == 1
    assert curves([Curve("p95", [])], [], "label").top == 1


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 1), (1, 1), (7, 8), (21.4, 25), (101, 120), (0.0512, 0.06), (0.1 + 0.2, 0.3), (999, 1000), (1000, 1000)],
)
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert round_up(value) == top


def test_an_axis_label_is_the_value_at_the_upper_edge() -> None:
    """A limit of the label's value is drawn at the very top, and half of it in the middle."""
    drawn = curves([Curve("p95", [7])], ["a"], "label", [Limit("high", 8), Limit("medium", 4)])
    assert drawn.top == 8
    assert 'class="limit high" points="0.00,0.00 1000.00,0.00"' in drawn.svg
    assert 'class="limit medium" points="0.00,50.00 1000.00,50.00"' in drawn.svg


def test_charts_escape_their_texts() -> None:
    attack = '"><script>'
    drawings = [
        stacked(("good",), [[1]], [attack], attack).svg,
        curves([Curve("p95", [1])], [attack], attack).svg,
        strip([Band("breach", 0, 1, attack)], [Band("page", 0.5, 0.5, attack)], attack),
    ]
    assert all("<script>" not in drawing and "&lt;script&gt;" in drawing for drawing in drawings)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (show_number(1234.0), "1,234"),
        (show_number(0.00421), "0.00421"),
        (show_number(None), "no data"),
        (show_ms(412.3), "412 ms"),
        (show_ms(1240), "1.24 s"),
        (show_ms_between((12.0, 1500.0)), "12 ms to 1.50 s"),
        (show_ms_between((12.0, None)), "12 ms or more"),
        (show_ms_between((None, 12.0)), "up to 12 ms"),
        (show_ms_between((None, None)), "not known"),
        (show_spread(1391.4), "1,391"),
        (show_spread(8.66), "8.7"),
        (show_spread(0.0715), "0.071"),
        (show_percent(0.0276), "2.76 %"),
        (show_percent(1), "100 %"),
        (show_span(timedelta(minutes=90)), "1 h 30 min"),
        (show_span(timedelta(seconds=1.5)), "1.5 s"),
        (show_late(timedelta(seconds=75)), "1 min 15 s after"),
        (show_late(-timedelta(seconds=75)), "1 min 15 s before"),
    ],
)
def test_numbers_are_written_with_their_unit(shown: str, expected: str) -> None:
    assert shown == expected
