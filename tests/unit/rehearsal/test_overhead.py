"""What the SDK costs: ratios with intervals that hold the truth, and silence where there is too little to say."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from rehearsal.overhead import EVERYTHING, Turn, Variant, compare, variants_of
from rehearsal.reports.rates_table import show_overhead

ROUNDS = 4


def turn(rng: np.random.Generator, slower: float, count: int, answered: int) -> Turn:
    latencies = (slower * rng.lognormal(2.0, 0.5, count)).tolist()
    return Turn({"/a": latencies, EVERYTHING: latencies}, {"/a": answered, EVERYTHING: answered})


def rounds(count: int, answered: int = 1000) -> list[dict[Variant, Turn]]:
    """The SDK at 1.0 makes every request half as slow again, and takes a fifth of the throughput."""
    rng = np.random.default_rng(1)
    return [
        {
            "off": turn(rng, 1.0, count, answered + number),
            "configured": turn(rng, 1.0, count, answered),
            "all": turn(rng, 1.5, count, int(0.8 * answered)),
        }
        for number in range(ROUNDS)
    ]


def test_ratios_hold_the_truth_within_their_intervals() -> None:
    found = {(each.endpoint, each.variant): each for each in compare(rounds(400))}
    whole = found[EVERYTHING, "all"]
    assert whole.requests == 1_600
    for name in ("p50", "p95"):
        ratio = whole.latency[name]
        assert ratio is not None
        assert ratio.low < 1.5 < ratio.high
        assert ratio.high - ratio.low < 0.5
    assert whole.throughput is not None
    assert whole.throughput.low < 0.8 < whole.throughput.high
    same = found["/a", "configured"].latency["p50"]
    assert same is not None
    assert same.low < 1 < same.high


@pytest.mark.parametrize(("count", "known"), [(2, []), (5, ["p50"]), (20, ["p50", "p95"]), (50, ["p50", "p95", "p99"])])
def test_quantile_of_too_few_requests_is_not_told(count: int, known: list[str]) -> None:
    first = next(iter(compare(rounds(count))))
    assert [name for name, ratio in first.latency.items() if ratio is not None] == known


def test_endpoint_that_was_never_answered_has_no_throughput() -> None:
    assert next(iter(compare(rounds(50, answered=0)))).throughput is None


def test_configured_rate_of_all_is_measured_once() -> None:
    assert variants_of(1.0) == ("off", "all")
    assert variants_of(0.1) == ("off", "configured", "all")
    found = list(compare([{name: each[name] for name in variants_of(1.0)} for each in rounds(50)]))
    assert {each.variant for each in found} == {"all"}
    written = StringIO()
    Console(file=written, width=100).print(show_overhead(found, 1.0))
    assert written.getvalue().count("traces at") == 1


def test_table_fits_a_terminal_and_names_both_rates() -> None:
    written = StringIO()
    Console(width=80, file=written).print(show_overhead(tuple(compare(rounds(50))), 0.25))
    text = written.getvalue()
    assert "traces at 0.25" in text
    assert "traces at 1" in text
    assert "…" not in text
