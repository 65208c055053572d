"""What the pages compute: intervals, totals, buckets, and how numbers are written."""

from datetime import timedelta

import pytest

from embedded.pages.charts import Band, Curve, curves, stacked, strip
from embedded.pages.formats import show_ms, show_number, show_percent, show_span
from embedded.pages.intervals import total_half_width, wilson
from embedded.pages.traffic import endpoints_of, numbers_of
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


def test_a_total_of_unsampled_requests_is_certain() -> None:
    assert total_half_width(50 * 1.0, 50 * 1.0**2) == 0
    assert total_half_width(4 * 10.0, 4 * 10.0**2) == pytest.approx(1.959964 * 360**0.5)


def test_rates_count_requests_for_what_they_stand_for() -> None:
    samples = [Sample(10, "ok", 4), Sample(30, "internal_error", 1)]
    numbers = numbers_of(tally_of(samples), timedelta(seconds=10))
    assert (numbers.samples, numbers.total, numbers.per_second) == (2, 5, 0.5)
    assert numbers.failure_rate == pytest.approx(0.2)
    assert numbers.percentiles_ms == (10, 30, 30)
    assert numbers.sample_rate == pytest.approx(0.4)


def test_nothing_stored_has_no_rates() -> None:
    numbers = numbers_of(Tally(), timedelta(seconds=10))
    assert (numbers.per_second, numbers.failure_rate, numbers.sample_rate) == (0, None, None)
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
        (show_percent(0.0276), "2.76 %"),
        (show_percent(1), "100 %"),
        (show_span(timedelta(minutes=90)), "1 h 30 min"),
        (show_span(timedelta(seconds=1.5)), "1.5 s"),
    ],
)
def test_numbers_are_written_with_their_unit(shown: str, expected: str) -> None:
    assert shown == expected
