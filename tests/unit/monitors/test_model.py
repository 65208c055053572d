"""Aggregates by name."""

import pytest

from monitors.model import Aggregate, AggregateError, parse_aggregate


@pytest.mark.parametrize(
    ("text", "expected", "share"),
    [
        ("count()", Aggregate("count", None), None),
        (" failure_rate() ", Aggregate("failure_rate", None), None),
        ("p50(span.duration)", Aggregate("p50", "span.duration"), 0.5),
        ("count_unique(error_code)", Aggregate("count_unique", "error_code"), None),
        ("apdex(span.duration,300)", Aggregate("apdex", "span.duration", 300), None),
        ("max(transaction.duration)", Aggregate("max", "transaction.duration"), None),
        ("epm()", Aggregate("epm", None), None),
        ("p100(span.duration)", Aggregate("p100", "span.duration"), 1.0),
        ("p99(span.duration)", Aggregate("p99", "span.duration"), 0.99),
    ],
)
def test_parse_aggregate_reads(text: str, expected: Aggregate, share: float | None) -> None:
    assert parse_aggregate(text) == expected
    assert expected.share == share
    assert str(expected) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "count",
            "count(span.duration)",
            "p95()",
            "p95(measurements.lcp)",
            "p42(span.duration)",
            "p95((",
            "avg(x)",
        ),
        *("apdex(span.duration)", "apdex(300)", "apdex(span.duration,0)", "count(1)", "p95(span.duration,1)"),
        "count_unique()",
    ],
)
def test_parse_aggregate_refuses_and_says_what_is_allowed(text: str) -> None:
    """It is a ValueError too, for validators that only know those."""
    with pytest.raises(AggregateError, match=r"allowed are count\(\), epm\(\), eps\(\), failure_rate\(\)") as caught:
        parse_aggregate(text)
    assert isinstance(caught.value, ValueError)
