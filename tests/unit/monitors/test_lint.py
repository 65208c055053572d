"""Warnings about rules that Sentry takes: each where it belongs, and none where there is nothing to say."""

from pathlib import Path

import pytest

from monitors import inexpressible
from monitors.lint import Traffic, lint
from monitors.load import ALERT_KEYS, MONITOR_KEYS, RULES_DIRECTORY, load_rules
from monitors.model import Trigger

BUSY = Traffic(requests_per_second=10.0, sample_rate=1.0)
GUIDE = 1_000_000 / (30 * 86_400)  # requests per second
RULES = """\
monitors:
  - name: Rate
    aggregate: failure_rate()
    dataset: spans
    query: is_transaction:true transaction:/a
    window: 5m
    thresholds: {high: "> 0.05", resolve: "<= 0.05"}
  - name: Slow
    aggregate: p95(span.duration)
    dataset: spans
    window: 10m
    environment: production
    thresholds: {high: "> 2000", resolve: "<= 2000"}
alerts:
  - name: Both
    monitors: [Rate, Slow]
    when: [first_seen_event, regression_event, reappeared_event]
    frequency: 5m
    notify: [{sentry_app: ops}]
"""
AGAIN = """\
  - name: Again
    aggregate: failure_rate()
    dataset: spans
    query: transaction:/a   is_transaction:true
    window: 5m
    thresholds: {high: "> 0.1", resolve: "<= 0.1"}
"""


def warnings(folder: Path, text: str, traffic: Traffic = BUSY) -> list[tuple[int, str]]:
    (folder / "rules.yml").write_text(text)
    return [(each.line, each.message) for each in lint(load_rules(folder), traffic)]


def test_rules_with_nothing_to_say_about(tmp_path: Path) -> None:
    assert warnings(tmp_path, RULES) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (  # in another order, and with other thresholds
            "  - name: Slow\n",
            f"{AGAIN}  - name: Slow\n",
            [(8, "Again: measures the same as 'Rate' ("), (8, "Again: no alert is connected to it")],
        ),
        ("[Rate, Slow]", "[Rate]", [(8, "Slow: no alert is connected to it, so it opens issues and pages nobody")]),
        (
            "    frequency",
            "    enabled: false\n    frequency",
            [(2, "Rate: no alert is connected"), (8, "Slow: no alert is connected")],
        ),
        ("    window", "    enabled: false\n    window", [(17, "Both: all of its monitors are switched off")]),
        (
            "    frequency",
            "    environment: production\n    frequency",
            [(15, "Both: acts in production only, and 'Rate' measures all environments together")],
        ),
        (
            "    frequency",
            "    environment: staging\n    frequency",
            [
                (15, "Both: acts in staging only, and 'Rate' measures all environments together"),
                (15, "Both: acts in staging only, and 'Slow' measures production"),
            ],
        ),
        (
            "first_seen_event, regression_event, reappeared_event",
            "first_seen_event",
            [(15, "Both: a metric monitor keeps its issue, so first_seen_event pages once in a lifetime")],
        ),
    ],
)
def test_warnings_say_where_what_and_what_to_do(
    tmp_path: Path, before: str, after: str, expected: list[tuple[int, str]]
) -> None:
    assert before in RULES
    found = warnings(tmp_path, RULES.replace(before, after))
    assert [line for line, _ in found] == [line for line, _ in expected]
    assert all(message.startswith(begin) for (_, message), (_, begin) in zip(found, expected, strict=True)), found


def test_an_alert_on_error_events_alone_may_ask_for_first_seen_only(tmp_path: Path) -> None:
    text = RULES[: RULES.index("alerts:")] + RULES[RULES.index("alerts:") :].replace(
        "monitors: [Rate, Slow]", "builtin: error"
    ).replace("[first_seen_event, regression_event, reappeared_event]", "[first_seen_event]")
    assert [message.partition(":")[0] for _, message in warnings(tmp_path, text)] == ["Rate", "Slow"]


@pytest.mark.parametrize(
    ("aggregate", "window", "thresholds", "sample_rate", "expected"),
    [
        # The guide's own settings: a million requests a month, a tenth of them sampled, 5 % over 5 minutes.
        (
            "failure_rate()",
            "5m",
            '{high: "> 0.05", resolve: "<= 0.05"}',
            0.1,
            "traces at 10 %, its window of 5m holds at most 11.6",
        ),
        ("failure_rate()", "5m", '{high: "> 0.05", resolve: "<= 0.05"}', 0.17, "at most 19.7"),
        ("failure_rate()", "5m", '{high: "> 0.05", resolve: "<= 0.05"}', 0.18, None),  # 20.8
        ("failure_rate()", "5m", '{high: "> 0.1", resolve: "<= 0.1"}', 0.1, None),
        ("failure_rate()", "5m", '{high: "> 0.1", medium: "> 0.01", resolve: "<= 0.01"}', 0.1, "100 are needed"),
        ("p95(span.duration)", "10m", '{high: "> 2000", resolve: "<= 2000"}', 0.1, None),  # 23.1
        ("p95(span.duration)", "5m", '{high: "> 2000", resolve: "<= 2000"}', 0.1, "fewer p95 is the slowest of them"),
        ("p99(span.duration)", "10m", '{high: "> 2000", resolve: "<= 2000"}', 0.1, "100 are needed"),
        ("p100(span.duration)", "5m", '{high: "> 2000", resolve: "<= 2000"}', 0.1, None),
        ("avg(span.duration)", "5m", '{high: "> 2000", resolve: "<= 2000"}', 0.02, "and is not evaluated"),
        ("count()", "5m", '{high: "< 1", resolve: ">= 1"}', 0.02, "and counts as zero"),
        ("count()", "5m", '{high: "< 1", resolve: ">= 1"}', 0.1, None),
        ("count()", "5m", '{high: "< 1", resolve: ">= 1"}', 0.0, "holds at most 0.0 sampled requests"),
    ],
)
def test_windows_that_hold_too_few_requests(
    tmp_path: Path, aggregate: str, window: str, thresholds: str, sample_rate: float, expected: str | None
) -> None:
    measured = f"aggregate: '{aggregate}', dataset: spans, window: {window}, thresholds: {thresholds}"
    text = (
        f"monitors:\n  - {{name: M, {measured}}}\n"
        "alerts:\n  - {name: A, monitors: [M], when: [any_event], frequency: 5m, notify: [{sentry_app: ops}]}\n"
    )
    found = [message for _, message in warnings(tmp_path, text, Traffic(GUIDE, sample_rate))]
    assert [expected in each for each in found if expected] == ([True] if expected else [])
    assert len(found) == (expected is not None)


@pytest.mark.parametrize(
    ("traffic", "window", "remedy"),
    [
        (Traffic(GUIDE, 0.1), "5m", "sample at least 18 % or widen the window to 10m"),
        (Traffic(0.01, 1.0), "5m", "5 %; widen the window to 1h"),
        (Traffic(GUIDE, 0.0), "5m", "sample at least 18 %"),
        (Traffic(0.0001, 1.0), "5m", "there is too little traffic for it, it takes 0.067 requests per second"),
    ],
)
def test_too_few_requests_have_a_remedy(tmp_path: Path, traffic: Traffic, window: str, remedy: str) -> None:
    assert f"window: {window}" in RULES
    found = [message for _, message in warnings(tmp_path, RULES, traffic) if message.startswith("Rate")]
    assert [each.endswith(remedy) for each in found] == [True], found


def test_shipped_rules_have_no_warning_when_everything_is_sampled() -> None:
    assert lint(load_rules(RULES_DIRECTORY), Traffic(GUIDE, 1.0)) == ()


def test_what_cannot_be_expressed_shadows_nothing_that_can() -> None:
    assert not inexpressible.MONITOR.keys() & set(MONITOR_KEYS)
    assert not inexpressible.ALERT.keys() & set(ALERT_KEYS)
    assert not inexpressible.TRIGGER.keys() & {each.value for each in Trigger}
