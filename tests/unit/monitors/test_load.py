"""Rules files: the shipped ones load, and of a bad one every mistake is told at once, at its line."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitors.load import RULES_DIRECTORY, RulesError, load_rules
from monitors.model import (
    Action,
    Alert,
    Dataset,
    Monitor,
    Priority,
    RuleSet,
    Source,
    Threshold,
    Trigger,
    parse_aggregate,
)

GOOD = """\
monitors:
  - name: Rate
    aggregate: failure_rate()
    dataset: spans
    query: is_transaction:true
    window: 300s
    environment: production
    thresholds: {high: "> 0.05", medium: ">= 0.02", resolve: "< 0.02"}
alerts:
  - name: Rate
    monitors: [Rate]
    when: [regression_event, first_seen_event]
    frequency: 1h
    notify: [{sentry_app: ops}]
    runbook: https://example.com/rate
    enabled: false
"""
BAD = """\
monitors:
  - name: One
    agregate: count()
    aggregate: avg(span.size)
    dataset: spanz
    query: span.statuss:ok
    window: 5 min
    thresholds: {high: 5 percent, resolve: "<= 0.05"}
  - name: Two
    aggregate: failure_rate()
    dataset: spans
    query: a OR b
    window: 1m
    thresholds:
      high: "> 5"
    enabled: maybe
  - name: One
    aggregate: count()
    aggregate: count()
    dataset: errors
    window: 5m
    thresholds: {high: "> 5", resolve: "<= 9"}
  - text
alerts:
  - name: 12
    monitors: [Three, Two]
    when: [first_seen]
    frequency: 7m
    notify: [{pigeon: ops}]
  - name: None connected
    when: first_seen_event
    frequency: 5m
    notify: []
    runbook: see the wiki
"""
MISTAKES = [
    (3, "unknown key 'agregate', did you mean 'aggregate'?"),
    (4, "aggregate: 'avg(span.size)' is no aggregate, allowed are count(), epm(), eps(), failure_rate()"),
    (5, "dataset: 'spanz', allowed are spans, errors; did you mean 'spans'?"),
    (6, "query: key 'span.statuss' is not registered in monitors/signals.py, did you mean 'span.status'?"),
    (7, "window: '5 min', allowed are 1m, 5m, 10m, 15m, 30m, 1h, 2h, 4h, 1d"),
    (8, "high: '5 percent', allowed is >, >=, < or <= and a number"),
    (12, "query: column 1: free text is not supported yet, found 'a': write key:value"),
    (13, "window over spans: the shortest is 5m"),
    (15, "key 'resolve' is missing"),
    (15, "high 5: failure_rate() is a fraction from 0 to 1, so 5 % is written 0.05"),
    (16, "enabled is text ('maybe'), allowed are true and false"),
    (17, "name 'One' is taken, see "),
    (19, "key 'aggregate' is here twice, first in line 18"),
    (22, "threshold resolve overlaps: a value would open the issue and close it at once"),
    (23, "monitors is text ('text'), allowed is a mapping of keys"),
    (25, "name is a number ('12'), allowed is text of 1 to 256 characters"),
    (26, "monitors: 'Three' is no monitor, allowed are One, Two"),
    (
        27,
        "when: 'first_seen', allowed are first_seen_event, regression_event, reappeared_event, issue_resolved_trigger",
    ),
    (28, "frequency: '7m', allowed are 0m, 5m, 10m, 30m, 1h, 3h, 12h, 1d, 7d, 30d"),
    (29, "unknown key 'pigeon', allowed are sentry_app"),
    (29, "one receiver per entry, allowed are sentry_app, webhook, email, slack, pagerduty, discord, msteams"),
    (30, "the alert is connected to no monitor and would never act"),
    (31, "when is text ('first_seen_event'), allowed is a list of at least one"),
    (33, "notify is an empty list, allowed is a list of at least one"),
    (34, "runbook: 'see the wiki', allowed is an http or https address"),
]


def _problems(folder: Path, text: str, name: str = "rules.yml") -> list[tuple[int, str]]:
    (folder / name).write_text(text)
    with pytest.raises(RulesError) as caught:
        load_rules(folder)
    assert all(problem.file.endswith(name) for problem in caught.value.problems)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def _monitor(**fields: str) -> str:
    """A file of one monitor over spans, with some fields replaced."""
    plain = {"aggregate": "failure_rate()", "dataset": "spans", "window": "5m"}
    plain["thresholds"] = '{high: "> 0.05", resolve: "<= 0.05"}'
    return "monitors:\n- name: M\n" + "".join(f"  {key}: {value}\n" for key, value in (plain | fields).items())


def test_load_rules_reads_every_field(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text(GOOD)
    (tmp_path / "good.test.yml").write_text("tests of rules are no rules: {")
    file = (tmp_path / "good.yml").as_posix()
    monitor = Monitor(
        name="Rate",
        description=None,
        aggregate=parse_aggregate("failure_rate()"),
        dataset=Dataset.SPANS,
        query="is_transaction:true",
        window=timedelta(minutes=5),
        environment="production",
        thresholds=(
            Threshold("gt", 0.05, Priority.HIGH),
            Threshold("gte", 0.02, Priority.MEDIUM),
            Threshold("lt", 0.02, Priority.RESOLVED),
        ),
        enabled=True,
        source=Source(file, 2),
    )
    alert = Alert(
        name="Rate",
        monitors=("Rate",),
        builtin=None,
        triggers=(Trigger.REGRESSION, Trigger.FIRST_SEEN),
        frequency=timedelta(hours=1),
        environment=None,
        actions=(Action("sentry_app", "ops"),),
        runbook="https://example.com/rate",
        enabled=False,
        source=Source(file, 10),
    )
    assert load_rules(tmp_path) == RuleSet((monitor,), (alert,))
    assert monitor.resolve.value == 0.02


def test_load_rules_tells_every_mistake_at_its_line(tmp_path: Path) -> None:
    found = _problems(tmp_path, BAD)
    assert [line for line, _ in found] == [line for line, _ in MISTAKES]
    for line, beginning in MISTAKES:
        assert any(at == line and message.startswith(beginning) for at, message in found), (line, beginning, found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_monitor(thresholds='{high: "> 5%", resolve: "<= 0.05"}'), "(5 % is written 0.05)"),
        (_monitor(thresholds='{high: "> 0.05", resolve: "> 0.01"}'), "resolve must point the other way than high"),
        (_monitor(thresholds='{high: ">= 0.05", resolve: "<= 0.05"}'), "threshold resolve overlaps"),
        (_monitor(thresholds='{high: "> 0.1", medium: "> 0.2", resolve: "< 0.1"}'), "medium must be reached before"),
        (_monitor(thresholds='{high: "> 0.1", medium: "< 0.05", resolve: "< 0.01"}'), "different directions"),
        (_monitor(thresholds="{}"), "key 'high' is missing"),
        (_monitor(thresholds="0.05"), "thresholds is a number ('0.05'), allowed is a mapping of keys"),
        (_monitor(dataset="errors"), "failure_rate() over errors: error events have neither"),
        (_monitor(window="5"), "window: '5', allowed are 1m"),
        (_monitor(window="[5m]"), "window is a list, allowed is one value"),
        (_monitor(query="release:latest"), "Sentry refuses release:latest"),
        (_monitor(query="causal.identify:x"), "is a span operation, write span.op:causal.identify"),
        (_monitor(query="dag:x"), "key 'dag' is a context, which Sentry does not search"),
        (_monitor(environment="on"), "environment: 'on', allowed are development, staging, production"),
        (_monitor(environment="prodution"), "did you mean 'production'?"),
        (_monitor(query="environment:[production, prd]"), "query: 'prd', allowed are development, staging, production"),
        (_monitor(**{"for": "5m"}), "for: Sentry has no waiting time"),
        (_monitor(group_by="transaction"), "group_by: a monitor has one value for all"),
        (_monitor(dataset="transactions"), "write dataset: spans and query: is_transaction:true"),
        (
            _monitor(aggregate="failure_count() / count()"),
            "no equation; the share of failed requests is failure_rate()",
        ),
        (_monitor(aggregate="rate(requests[5m])"), "epm() is per minute"),
        ("", "the file is empty"),
        ("- a", "the file is a list, allowed is a mapping of keys"),
        ("monitors: []", "monitors is an empty list"),
        ("monitors:\n  - name: > 5", "no YAML:"),
        ("a: &a [*a]", "unknown key 'a'"),
        ("#" * (1 << 18) + "\n", "bytes, allowed are 262144"),
    ],
)
def test_load_rules_explains(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in message for _, message in _problems(tmp_path, text))


FULL = """\
monitors:
  - name: Traffic
    aggregate: count()
    dataset: spans
    query: is_transaction:true transaction:/api/* span.duration:>=2s
    window: 10m
    compared_to: 1d
    extrapolation: none
    owner: team:12
    thresholds: {high: "< 50", resolve: ">= 80"}
alerts:
  - name: Storm
    builtin: error
    when: [any_event]
    match: any
    filters:
      - events: "> 100 in 1h"
      - level: ">= error"
    frequency: 1h
    owner: user:7
    notify: [{sentry_app: ops}]
"""


def test_load_rules_reads_percent_changes_filters_and_owners(tmp_path: Path) -> None:
    (tmp_path / "full.yml").write_text(FULL)
    rules = load_rules(tmp_path)
    [traffic], [storm] = rules.monitors, rules.alerts
    assert (traffic.compared_to, traffic.extrapolation, traffic.owner) == (timedelta(days=1), "none", "team:12")
    assert (storm.triggers, storm.logic, storm.owner) == ((Trigger.ANY_EVENT,), "any", "user:7")
    assert [each.type for each in storm.filters] == ["event_frequency_count", "level"]


@pytest.mark.parametrize(
    ("before", "after", "line", "expected"),
    [
        ("compared_to: 1d", "compared_to: 2d", 7, "compared_to: '2d', allowed are 5m, 15m, 1h, 1d, 7d, 30d"),
        ("extrapolation: none", "extrapolation: server", 8, "extrapolation: 'server', allowed are weighted, none"),
        ("team:12", "the team", 9, "owner: 'the team', allowed is team: or user: and its number"),
        ('"< 50"', '"< 150"', 10, "high 150: a percent change is in percent of the earlier value"),
        ("is_transaction:true", "is_transaction:>1", 5, "query: 'is_transaction' is no quantity"),
        ("[any_event]", "[any_event, first_seen_event]", 14, "any_event is every other trigger too; name it alone"),
        ("match: any", "match: most", 15, "match: 'most', allowed are all, any, none"),
        ('- events: "> 100 in 1h"', '- events: "> 100 in 2h"', 17, "events: '2h', allowed are 1min"),
        ('- level: ">= error"', "- tag: code equals A", 18, "tag: key 'code' is not registered in monitors/signals.py"),
        ("match: any", "digest: 5m", 15, "digest: Sentry sends one notice per issue and joins none"),
        ("[any_event]", "[new_error_code]", 14, "when: 'new_error_code': Sentry knows new issues, not new values"),
        ("- level:", "- levels:", 18, "unknown key 'levels', did you mean 'level'?"),
        ("- level:", "  level:", 17, "one filter per entry"),
        (
            "builtin: error",
            "monitors: [Traffic]",
            17,
            "event_frequency_count: Sentry evaluates it for error events only",
        ),
        ("count()", "count_unique(cod)", 3, "aggregate: key 'cod' is not registered in monitors/signals.py"),
    ],
)
def test_load_rules_refuses_what_sentry_would_not_do(
    tmp_path: Path, before: str, after: str, line: int, expected: str
) -> None:
    assert before in FULL
    problems = _problems(tmp_path, FULL.replace(before, after))
    assert any(at == line and message.startswith(expected) for at, message in problems), problems


OWN = """\
signals:
  tags: [shop, order.kind]
  environments: [live, test]
monitors:
  - name: Orders
    aggregate: count_unique(tags[order.kind])
    dataset: spans
    query: shop:berlin environment:live error_code:X
    window: 10m
    environment: test
    thresholds: {high: "< 1", resolve: ">= 1"}
alerts:
  - name: Orders
    monitors: [Orders]
    builtin: error
    when: [any_event]
    filters: [{tag: shop equals berlin}]
    environment: live
    frequency: 1h
    notify: [{sentry_app: ops}]
"""


def test_load_rules_of_another_service_knows_its_names_in_every_file(tmp_path: Path) -> None:
    signals, rest = OWN[: OWN.index("monitors:")], OWN[OWN.index("monitors:") :]
    (tmp_path / "a.yml").write_text(rest)
    (tmp_path / "b.yml").write_text(signals)
    rules = load_rules(tmp_path)
    assert rules.environments == ("live", "test")
    assert (rules.monitors[0].environment, rules.alerts[0].environment) == ("test", "live")


@pytest.mark.parametrize(
    ("before", "after", "line", "expected"),
    [
        ("[live, test]", "[live]", 10, "environment: 'test', allowed are live"),
        ("[live, test]", "[test]", 8, "query: 'live', allowed are test"),
        ("environment: test", "environment: production", 10, "environment: 'production', allowed are live, test"),
        ("[shop, order.kind]", "[shop]", 6, "aggregate: key 'tags[order.kind]' is not registered"),
        ("[shop, order.kind]", "[order.kind]", 17, "tag: key 'shop' is not registered"),
        ("tags: [shop, order.kind]", "tags: [shop, 'a b']", 2, "tags: 'a b' is no name that Sentry takes"),
        ("tags: [shop, order.kind]", "tags: [shop, shop]", 2, "tags lists text ('shop') twice"),
        ("[live, test]", "[live, a/b]", 3, "environments: 'a/b' is no name that Sentry takes"),
        ("  tags:", "  tag:", 2, "unknown key 'tag', did you mean 'tags'?"),
    ],
)
def test_load_rules_of_another_service_is_held_to_its_names(
    tmp_path: Path, before: str, after: str, line: int, expected: str
) -> None:
    assert before in OWN
    problems = _problems(tmp_path, OWN.replace(before, after))
    assert any(at == line and message.startswith(expected) for at, message in problems), problems


def test_tag_of_ones_own_does_not_hide_what_is_registered(tmp_path: Path) -> None:
    """`dag` is a context, which Sentry does not search: a rule that calls it a tag is still told so."""
    text = OWN.replace("[shop, order.kind]", "[shop, order.kind, dag]").replace("error_code:X", "dag:X")
    assert any("'dag' is a context" in message for _, message in _problems(tmp_path, text))


def test_load_rules_names_are_unique_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD)
    problems = _problems(tmp_path, GOOD, "b.yml")
    assert [line for line, _ in problems] == [2, 10]
    assert all("is taken, see" in message for _, message in problems)


def test_load_rules_does_not_pass_over_files_in_silence(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(GOOD)
    with pytest.raises(RulesError) as caught:
        load_rules(tmp_path)
    assert [problem.message for problem in caught.value.problems] == [
        "no rules here, allowed are files named *.yml",
        "rules files are named *.yml, rename it",
    ]


def test_shipped_rules_are_the_three_alerts_of_the_guide() -> None:
    rules = load_rules(RULES_DIRECTORY)
    rate, p95 = rules.monitors
    assert (str(rate.aggregate), rate.window, rate.thresholds[0].value) == (
        "failure_rate()",
        timedelta(minutes=5),
        0.05,
    )
    assert (str(p95.aggregate), p95.window, p95.thresholds[0].value) == (
        "p95(span.duration)",
        timedelta(minutes=10),
        2000,
    )
    assert {alert.actions[0].target: (alert.monitors, alert.builtin) for alert in rules.alerts} == {
        "isl-alerts": ((rate.name,), None),
        "isl-oncall": ((), "error"),
        "isl-performance": ((p95.name,), None),
    }
    metric = [alert for alert in rules.alerts if alert.monitors]
    wanted = {Trigger.FIRST_SEEN, Trigger.REGRESSION, Trigger.REAPPEARED, Trigger.RESOLVED}
    assert all(set(alert.triggers) == wanted for alert in metric)
    assert rate.source.file.endswith("monitors/rules/isl.yml")
