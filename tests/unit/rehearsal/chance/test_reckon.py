"""How often a drill fails by chance: against what can be written down, and for every drill that ships."""

from dataclasses import replace
from datetime import timedelta
from math import exp
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitors.load import load_rules
from rehearsal.chance.reckon import Chance, reckon
from rehearsal.cli import cli
from rehearsal.disturbance import Fault
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.drill_file import load_drills
from rehearsal.plan_file import load_plan
from rehearsal.settings import ROOT, Options
from tests.unit.rehearsal.samples import MINUTE, RULES

OPTIONS = Options()
RUNS = 20_000
TEMPLATE = ROOT / "rehearsal" / "template"
SHIPPED = {drill.name: drill for drill in load_drills(OPTIONS.drills)}
CODE = ExpectedPage("ISL new error code", "isl-oncall", 6 * MINUTE, None)
RATE = ExpectedPage("ISL error rate", "isl-alerts", 3 * MINUTE, 3 * MINUTE)


def drill(fault: Fault, *pages: ExpectedPage, lasts: timedelta = 6 * MINUTE) -> Drill:
    return Drill("a", "b", lasts, fault, pages)


def chance(of: Drill, **options: float) -> Chance:
    return reckon(of, RULES, replace(OPTIONS, **options), RUNS)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SHIPPED)
def test_no_drill_that_ships_is_a_toss_of_a_coin(name: str) -> None:
    found = reckon(SHIPPED[name], RULES, OPTIONS, RUNS)
    assert found.is_accepted, found.reasons
    assert found.unknown == ()


@pytest.mark.parametrize("plan", [TEMPLATE / "plan.yml", ROOT / "tests" / "rehearsal" / "node" / "plan.yml"])
def test_nor_is_one_of_the_plans_to_start_from(plan: Path) -> None:
    found = load_plan(plan)
    rules = load_rules(found.rules)
    assert all(reckon(each, rules, OPTIONS, RUNS).is_accepted for each in load_drills(found.drills))


def test_a_first_failure_that_takes_too_long_is_as_frequent_as_the_exponential_says() -> None:
    """One request in a hundred fails by chance; the page is due after six minutes, half of one is for delivery."""
    found = chance(drill(Fault("error_rate", 0.01), CODE))
    expected = exp(-OPTIONS.traffic * 0.01 * 320)  # the last whole step
    assert found.reasons["ISL new error code does not page in time"] / RUNS == pytest.approx(expected, abs=0.01)


def test_a_fault_that_hits_evenly_leaves_less_to_chance() -> None:
    by_chance = chance(drill(Fault("error_rate", 0.15), RATE))
    evenly = chance(drill(Fault("error_rate", 0.15, is_even=True), RATE))
    assert by_chance.reasons["ISL error rate resolves before the fault is over"] > 0
    assert by_chance.failed > 10 * evenly.failed


def test_a_page_that_is_not_expected_is_counted_unless_it_is_allowed() -> None:
    creeping = drill(Fault("error_rate", 0.03))
    assert 0.05 < chance(creeping).share < 0.5  # one five-minute window in seven is over 5 %, and they overlap
    assert chance(replace(creeping, may_page=("ISL error rate",))).failed == 0


def test_few_sampled_requests_leave_more_to_chance() -> None:
    fault = drill(Fault("error_rate", 0.5, is_even=True), RATE)
    assert chance(fault).share < 1e-3 < chance(fault, traces_sample_rate=0.1).share


def test_a_percentile_that_everything_exceeds_is_sure_and_one_that_a_share_exceeds_is_not() -> None:
    page = ExpectedPage("ISL p95 latency", "isl-performance", 3 * MINUTE, 4 * MINUTE)
    everything = drill(Fault("added_latency_ms", 3000), page, lasts=11 * MINUTE)
    some = drill(Fault("added_latency_ms", 3000, ("/a",), 0.08), page, lasts=11 * MINUTE)
    assert chance(everything).failed == 0
    assert chance(some).share > 0.01


def test_a_drill_without_failures_has_none_by_chance() -> None:
    assert chance(Drill("a", "b", MINUTE, None, ())) == Chance(0, 0, {})


def test_the_command_refuses_a_toss_of_a_coin(tmp_path: Path) -> None:
    text = "name: coin\nhypothesis: Heads.\nlasts: 6m\nfault: {flag: error_rate, value: 0.04}\nexpect: {pages: []}\n"
    (tmp_path / "a.yml").write_text(text)
    done = CliRunner().invoke(cli, ["drills", "check", "--drills", str(tmp_path)])
    assert done.exit_code == 1
    assert "coin" in done.output
    assert "ISL error rate pages (1 in " in done.output
    assert CliRunner().invoke(cli, ["drills", "check", "--only", "silence"]).exit_code == 0
