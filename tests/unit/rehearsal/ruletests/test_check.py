"""`rehearse monitors check`: what it prints and how it ends; the shipped rules hold, and all of them are tested."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitors.lint import Traffic
from monitors.load import RULES_DIRECTORY
from rehearsal.cli import cli
from rehearsal.errors import UsageError
from rehearsal.ruletests.check import check_rules
from tests.unit.rehearsal.ruletests.folders import RULES, write

SILENT = "  - name: silent\n    requests: [{rate: 1/m}]\n    expect: [{at: 1h, pages: []}]\n"
LOUD = SILENT.replace("rate: 1/m", "rate: 1/m, status: aborted").replace("silent", "loud")
MONTH_S = 10.0  # a month of ticks, on a busy machine of two cores


def check(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["monitors", "check", "--rules", str(folder), *options])


def test_shipped_rules_hold_and_every_branch_of_them_is_tested() -> None:
    began = time.process_time()
    found = check_rules(RULES_DIRECTORY, Traffic(requests_per_second=1.0, sample_rate=1.0))
    assert found.holds
    assert found.suite
    assert found.suite.coverage.missing == ()
    assert found.suite.minutes >= 30 * 24 * 60
    assert time.process_time() - began < MONTH_S


RAMPS = """\
  - name: ramps
    requests:
      - {rate: "10..100/m for 30d", status: "0..5% internal_error for 30d", latency: "100..900ms with 10% 3s for 30d"}
    expect: [{at: 30d, pages: []}]
"""


def test_month_in_which_no_minute_is_like_another_is_quick_in_long_windows(tmp_path: Path) -> None:
    """Every evaluation looks at a day of different minutes: each of them is summed up once."""
    slow = RULES.replace("window: 5m", "window: 1d").replace("failure_rate()", "p95(span.duration)")
    slow = slow.replace('{high: "> 0.5", medium: "> 0.1", resolve: "<= 0.1"}', '{high: "> 9000", resolve: "<= 9000"}')
    began = time.process_time()
    found = check_rules(write(tmp_path, RAMPS, slow), Traffic(requests_per_second=1.0, sample_rate=1.0))
    assert found.holds
    assert time.process_time() - began < MONTH_S


def test_check_that_holds_ends_with_0_and_tells_what_no_test_has_seen(tmp_path: Path) -> None:
    done = check(write(tmp_path, SILENT))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "2 monitors and 3 alerts, no mistakes"
    assert lines[1].startswith("warning: ")  # of the rule that is new once in a lifetime
    assert lines[2].startswith("1 of 1 rule test held, 0.0 days of ticks in ")
    assert lines[3] == "0 of 5 rules tested, 0 of 13 of their branches"
    assert len(lines) == 4 + 13
    assert "never seen in a test: alert Rate: existing_high_priority_issue" in lines


def test_failed_test_ends_with_1_and_the_rest_still_run(tmp_path: Path) -> None:
    done = check(write(tmp_path, LOUD + SILENT))
    assert done.exit_code == 1
    lines = [line for line in done.stdout.splitlines() if not line.startswith("warning: ")]
    assert lines[1].endswith("rules.test.yml:4: loud, 0m to 60m: expected silence; found critical Rate at 1m")
    assert lines[2].startswith("1 of 2 rule tests held")
    assert lines[3] == "2 of 5 rules tested, 2 of 13 of their branches"


def test_mistakes_end_with_2_before_any_test_runs(tmp_path: Path) -> None:
    done = check(write(tmp_path, LOUD, RULES.replace("window: 5m", "window: 5")))
    assert isinstance(done.exception, UsageError)  # exit code 2, see test_cli
    assert done.stdout == ""
    assert "1 mistake\n" in str(done.exception)
    assert "rules.yml:6: window: '5'" in str(done.exception)


@pytest.mark.parametrize(
    ("tests", "rules", "code", "mistakes", "held"),
    [
        (SILENT, RULES, 0, 0, [True]),
        (LOUD + SILENT, RULES, 1, 0, [False, True]),
        (SILENT, "monitors: [{}]", 2, 5, []),
        ("  - {name: half}\n", RULES, 2, 1, []),
    ],
)
def test_json_says_the_same(tmp_path: Path, tests: str, rules: str, code: int, mistakes: int, held: list[bool]) -> None:
    done = check(write(tmp_path, tests, rules), "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == code
    assert found["holds"] is (code == 0)
    assert len(found["mistakes"]) == mistakes
    assert [not each["differences"] for each in found["tests"]] == held


def test_warnings_fail_only_if_they_are_to(tmp_path: Path) -> None:
    write(tmp_path, SILENT)
    warning = "Errors: a metric monitor keeps its issue, so first_seen_event pages once in a lifetime"
    done = check(tmp_path)
    assert (done.exit_code, warning in done.stdout) == (0, True)
    strict = check(tmp_path, "--strict", "--json")
    assert (strict.exit_code, warning in strict.stdout) == (1, True)


def test_traffic_and_sampling_decide_which_windows_are_too_thin(tmp_path: Path) -> None:
    write(tmp_path, SILENT, RULES.replace("[first_seen_event]\n    frequency: 0m", "[any_event]\n    frequency: 0m"))
    options = {"--traffic=1M/month": False, "--traffic=10k/day": True, "--traces=0.01": True}
    found = {option: "sampled requests on average" in check(tmp_path, option).stdout for option in options}
    assert found == options


def test_rules_without_tests_are_checked_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    done = check(tmp_path)
    assert done.exit_code == 0
    assert "0 of 0 rule tests held" in done.stdout
