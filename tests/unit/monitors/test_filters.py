"""Filters of alerts: the words of a rule, Sentry's conditions, and what is refused."""

from typing import Any

import pytest

from monitors.filters import RULES, make_filter, read_filter


@pytest.mark.parametrize(
    ("kind", "text", "sentry", "comparison"),
    [
        ("level", ">= error", "level", {"level": 40, "match": "gte"}),
        ("tag", "code equals a b", "tagged_event", {"key": "code", "match": "eq", "value": "a b"}),
        ("tag", "code is_set", "tagged_event", {"key": "code", "match": "is", "value": ""}),
        (
            "attribute",
            "exception.type ends_with Error",
            "event_attribute",
            {"attribute": "exception.type", "match": "ew", "value": "Error"},
        ),
        ("occurrences", ">= 10", "issue_occurrences", {"value": 10}),
        ("events", "> 100 in 1h", "event_frequency_count", {"value": 100, "interval": "1h"}),
        ("users", "> 5 in 15min", "event_unique_user_frequency_count", {"value": 5, "interval": "15min"}),
        ("age", "older 3d", "age_comparison", {"comparisonType": "older", "time": "day", "value": 3}),
        ("category", "metric", "issue_category", {"value": 11}),
        ("priority", ">= high", "issue_priority_greater_or_equal", 75),
        ("latest_release", "true", "latest_release", True),
    ],
)
def test_read_filter_makes_sentrys_condition(kind: str, text: str, sentry: str, comparison: Any) -> None:
    found = read_filter(kind, text)
    assert (found.type, found.body) == (sentry, comparison)
    assert make_filter(sentry, comparison) == found


@pytest.mark.parametrize("kind", RULES)
def test_examples_are_what_they_show(kind: str) -> None:
    _, example, sentry = RULES[kind]
    assert read_filter(kind, example).type == sentry


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("level", "error", "allowed is such as '>= error'"),
        ("level", ">= loud", "'loud', allowed are fatal, error"),
        ("tag", "code", "allowed is such as"),
        ("tag", "code like x", "'like', allowed are equals"),
        ("tag", "code equals", "'equals' goes with a value"),
        ("tag", "code is_set x", "'is_set' goes without a value"),
        ("attribute", "user.id equals 5", "attribute 'user.id', allowed are message"),
        ("occurrences", "10", "allowed is such as '>= 10'"),
        ("events", "> 100 in 2h", "'2h', allowed are 1min, 5min"),
        ("events", ">= 100 in 1h", "allowed is such as '> 100 in 1h'"),
        ("age", "10m", "allowed is such as 'older 10m'"),
        ("category", "outage", "'outage', allowed are error, metric"),
        ("latest_release", "false", "allowed is such as 'true'"),
    ],
)
def test_read_filter_says_what_is_allowed(kind: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"allowed|goes") as caught:
        read_filter(kind, text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "comparison"),
    [
        ("event_frequency_percent", {"value": 5, "interval": "1h", "comparisonInterval": "1d"}),
        ("level", {"level": 40}),
        ("level", {"level": 40, "match": "eq", "more": 1}),
        ("level", 40),
        ("issue_occurrences", {"value": "10"}),
        ("issue_occurrences", {"value": True}),
        ("issue_occurrences", {"value": -1}),
        ("event_frequency_count", {"value": 5, "interval": "1h", "filters": [{"key": "a"}]}),
        ("tagged_event", {"key": "", "match": "eq", "value": "x"}),
        ("latest_release", 1),
        ("latest_release", False),
        ("issue_priority_greater_or_equal", 74),
    ],
)
def test_make_filter_refuses_what_it_does_not_evaluate(kind: str, comparison: Any) -> None:
    with pytest.raises(ValueError, match=kind):
        make_filter(kind, comparison)
