"""Where a plan lets y0 be asked, and which pages are about what it says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rehearsal.plan import Plan
from rehearsal.plan_file import load_plan
from rehearsal.second_opinion import CODE, codes_beside, leave_out
from rehearsal.settings import ROOT
from tests.unit.rehearsal.samples import page


def plan_with(**environment: str) -> Plan:
    plan = load_plan(ROOT / "rehearsal/plan.yml")
    return replace(plan, service=replace(plan.service, environment=plan.service.environment | environment))


@pytest.mark.parametrize(
    ("setting", "codes"),
    [
        *((told, {CODE}) for told in ("true", "1", "on", "True")),
        *((told, set()) for told in ("false", "0", "off", "perhaps", "")),
    ],
)
def test_a_second_opinion_is_expected_where_it_is_asked_for(setting: str, codes: set[str]) -> None:
    assert codes_beside(plan_with(ISL_Y0_CROSS_CHECK=setting)) == codes
    assert codes_beside(plan_with()) == set()


def test_only_its_own_pages_are_left_out_and_only_then() -> None:
    about = replace(page(timedelta(0)), links=(("Runbook", f"https://runbooks.example/isl/{CODE}"),))
    pages = [about, page(timedelta(0))]
    assert leave_out(pages, plan_with(ISL_Y0_CROSS_CHECK="true")) == pages[1:]
    assert leave_out(pages, plan_with()) == pages
