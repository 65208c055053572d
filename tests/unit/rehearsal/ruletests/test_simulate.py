"""Cases on a manual clock: who is paged at which minute, by the engine's own code."""

from pathlib import Path

import pytest

from monitors.errors import RulesError
from tests.unit.rehearsal.ruletests.folders import RULES, run

END = "    expect: [{at: 2h, pages: []}]"


def pages(folder: Path, series: str, rules: str = RULES) -> list[str]:
    """The pages of one case of two hours."""
    return run(folder, f"  - name: a case\n{series}\n{END}\n", rules)[0]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("5% internal_error", []),
        ("ok for 10m, 100% not_found for 1m, ok", ["11 warning Rate", "16 resolved Rate"]),  # a fifth of the window
        # Escalates when more than half of the window fails.
        ("ok for 10m, 100% aborted for 5m, ok", ["11 warning Rate", "13 critical Rate", "20 resolved Rate"]),
        # At two of five minutes it goes back to medium, of which nobody is told, and to high again, of which one is.
        (
            "ok for 10m, 100% aborted for 3m, ok for 3m, 100% aborted for 5m, ok",
            ["11 warning Rate", "13 critical Rate", "19 critical Rate", "26 resolved Rate"],
        ),
    ],
)
def test_metric_monitor_opens_escalates_and_resolves(tmp_path: Path, status: str, expected: list[str]) -> None:
    assert pages(tmp_path, f"    requests: [{{rate: 100/m, status: '{status}'}}]") == expected


def test_second_breach_waits_for_the_damping_and_an_archived_issue_reappears(tmp_path: Path) -> None:
    status = "ok for 10m, 100% aborted for 1m, ok for 6m, 100% aborted for 5m, ok"
    assert pages(tmp_path, f"    requests: [{{rate: 9/m, status: '{status}'}}]\n    archive: {{Rate: 20m}}") == [
        "11 warning Rate",
        "16 resolved Rate",
        "21 critical Rate",  # ten minutes after 11; four of five minutes have failed by then
        "27 resolved Rate",
    ]


def test_gap_is_no_data_for_a_rate_and_zero_for_a_count(tmp_path: Path) -> None:
    rules = RULES.replace('thresholds: {high: ">= 10", resolve: "< 10"}', 'thresholds: {high: "< 1", resolve: ">= 1"}')
    series = "    errors: [{issue: E, level: info, rate: '1/m for 20m, gap'}]"
    assert pages(tmp_path, series, rules) == ["30 critical Errors"]


def test_errors_alone_are_enough_for_a_monitor_of_errors(tmp_path: Path) -> None:
    assert pages(tmp_path, "    errors: [{issue: E, rate: 'gap for 30m, 1/m'}]") == [
        "31 triggered New",
        "40 critical Errors",
    ]


def test_a_resolved_issue_comes_back_as_a_regression_outside_of_the_frequency_only(tmp_path: Path) -> None:
    series = "    errors: [{issue: E, rate: '1/m for 1m, gap for 19m, 1/m for 1m, gap for 59m, 1/m for 1m, gap'}]\n"
    early, late = f"{series}    resolve: {{E: 10m}}", f"{series}    resolve: {{E: 50m}}"
    assert pages(tmp_path, early) == ["1 triggered New"]  # back after 20 minutes, and the frequency is 30
    assert pages(tmp_path, late) == ["1 triggered New", "81 triggered New"]


@pytest.mark.parametrize(
    ("filters", "series", "expected"),
    [
        ('level: ">= error"', "level: warning", []),
        ("tag: error_code equals A", "tags: {error_code: A}", [1]),
        ("tag: error_code equals A", "tags: {error_code: B}", []),
        ("attribute: exception.type starts_with E", "level: info", [1]),
        ('occurrences: ">= 5"', "level: info", [5, 35, 65, 95]),
        ('events: "> 60 in 1h"', "level: info", []),
        ('events: "> 59 in 1h"', "level: info", [60, 90, 120]),
        ('users: "> 9 in 1h"', "users: 10", [10, 40, 70, 100]),
        ('users: "> 10 in 1h"', "users: 10", []),
        ('users: "> 0 in 1h"', "level: info", []),  # the events name nobody
        ('age: "older 10m"', "level: info", [12, 42, 72, 102]),
        ("latest_release: true", "release: isl@1", [1, 31, 61, 91]),
        ("latest_release: true", "level: info", []),
        ("category: metric", "level: info", []),
        ('priority: ">= high"', "level: error", [1, 31, 61, 91]),
        ('priority: ">= high"', "level: info", []),
    ],
)
def test_filters_ask_the_series(tmp_path: Path, filters: str, series: str, expected: list[int]) -> None:
    when = "first_seen_event, regression_event"
    if expected != [1]:  # asked again at every event
        when = "any_event"
    rules = RULES.replace("[first_seen_event, regression_event]", f"[{when}]").replace('level: ">= error"', filters)
    found = pages(tmp_path, f"    errors: [{{issue: E, rate: 1/m, {series}}}]", rules)
    assert [each for each in found if each.endswith("New")] == [f"{minute} triggered New" for minute in expected]


def test_environment_and_query_choose_the_requests(tmp_path: Path) -> None:
    rules = RULES.replace(
        "query: is_transaction:true", "query: transaction:/a tags[service]:isl\n    environment: production"
    )
    series = "    requests: [{{endpoint: {0}, rate: 1/m, status: aborted, environment: {1}, tags: {{service: {2}}}}}]"
    assert pages(tmp_path, series.format("/a", "production", "isl"), rules) == ["1 critical Rate"]
    for others in (("/b", "production", "isl"), ("/a", "staging", "isl"), ("/a", "production", "plot")):
        assert pages(tmp_path, series.format(*others), rules) == []


def test_series_run_in_the_environments_of_the_rules_own_service(tmp_path: Path) -> None:
    own = "signals: {environments: [live]}\n" + RULES.replace("    window: 5m", "    environment: live\n    window: 5m")
    assert pages(tmp_path, "    requests: [{rate: 1/m, status: aborted, environment: live}]", own) == [
        "1 critical Rate"
    ]
    with pytest.raises(RulesError, match="environment: 'production', allowed are live"):
        pages(tmp_path, "    requests: [{rate: 1/m, environment: production}]", own)


def test_sampling_lowers_a_count_only_without_extrapolation(tmp_path: Path) -> None:
    rules = RULES.replace("failure_rate()", "count()").replace(
        '{high: "> 0.5", medium: "> 0.1", resolve: "<= 0.1"}', '{high: "> 40", resolve: "<= 40"}'
    )
    series = "    requests: [{rate: 10/m, sample_rate: 0.5}]"
    assert pages(tmp_path, series, rules) == ["5 critical Rate"]
    assert pages(tmp_path, series, rules.replace("window: 5m", "window: 5m\n    extrapolation: none")) == []


def test_percent_change_compares_with_the_window_before(tmp_path: Path) -> None:
    rules = RULES.replace("failure_rate()", "count()").replace(
        'thresholds: {high: "> 0.5", medium: "> 0.1", resolve: "<= 0.1"}',
        'compared_to: 1h\n    thresholds: {high: "> 150", resolve: "<= 150"}',
    )
    # Evaluated every other minute. The window before holds but two minutes at first; at 94 the last one holds
    # 4 x 20 + 1 x 10 against 5 x 10.
    assert pages(tmp_path, "    requests: [{rate: '10/m for 90m, 20/m'}]", rules) == [
        "62 critical Rate",
        "64 resolved Rate",
        "94 critical Rate",
    ]


def test_disabled_rules_do_nothing(tmp_path: Path) -> None:
    rules = RULES.replace("    window:", "    enabled: false\n    window:")
    rules = rules.replace("    frequency: 30m", "    enabled: false\n    frequency: 30m")
    series = "    requests: [{rate: 1/m, status: aborted}]\n    errors: [{issue: E, rate: 1/m}]"
    assert pages(tmp_path, series, rules) == []


def test_differences_say_where_what_was_expected_and_what_came(tmp_path: Path) -> None:
    tests = """\
  - name: wrong
    requests: [{rate: 100/m, status: 'ok for 10m, 100% not_found for 1m, ok'}]
    expect:
      - {at: 10m, pages: []}
      - {at: 15m, pages: [{alert: Rate, says: critical}]}
      - {at: 20m, pages: []}
      - {at: 30m, pages: [{alert: New, says: triggered}]}
"""
    file = (tmp_path / "rules.test.yml").as_posix()
    assert run(tmp_path, tests)[1] == [
        f"{file}:6: wrong, 10m to 15m: expected critical Rate; found warning Rate at 11m",
        f"{file}:7: wrong, 15m to 20m: expected silence; found resolved Rate at 16m",
        f"{file}:8: wrong, 20m to 30m: expected triggered New; found silence",
    ]
