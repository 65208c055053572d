"""A run against an earlier one's report.json: what is worth a look, and what is chance."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from rehearsal.baseline import compare, read_baseline
from rehearsal.errors import UsageError
from rehearsal.reports.jsonfile import as_json
from rehearsal.settings import Options
from rehearsal.verdict import Finding, Report, Status
from tests.unit.rehearsal.samples import MINUTE, report

HELD = Finding(Status.HELD, "it pages", "in time")
FAILED = Finding(Status.FAILED, "it pages", "late")


def paged_later(earlier: Report, by: timedelta) -> Report:
    drill = earlier.drills[0]
    [times] = drill.times
    assert times.paged_at
    return replace(earlier, drills=(replace(drill, times=(replace(times, paged_at=times.paged_at + by),)),))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (timedelta(0), []),
        (0.9 * MINUTE, []),
        (
            1.5 * MINUTE,
            ["step <b>, ISL error rate: paged 2m 27s after the breach became possible, 57s before"],
        ),
    ],
)
def test_a_page_that_moved_by_more_than_chance_is_told(tmp_path: Path, by: timedelta, said: list[str]) -> None:
    earlier = report(tmp_path, HELD)
    (tmp_path / "report.json").write_text(as_json(earlier))
    assert compare(read_baseline(tmp_path / "report.json"), paged_later(earlier, by)) == said


def test_a_drill_that_turned_or_came_or_went_is_told(tmp_path: Path) -> None:
    earlier = report(tmp_path, HELD)
    (tmp_path / "report.json").write_text(as_json(earlier))
    baseline = read_baseline(tmp_path / "report.json")
    assert compare(baseline, report(tmp_path, FAILED)) == ["step <b>: held before, failed now"]
    gone = replace(earlier, drills=())
    assert compare(baseline, gone) == ["step <b>: held before, not run now"]
    assert compare(baseline, replace(gone, options=Options(only=("other",)))) == []


@pytest.mark.parametrize(("factor", "said"), [("1.02", []), ("1.5", ["team", "business"])])
def test_a_month_that_costs_more_by_more_than_chance_is_told(tmp_path: Path, factor: str, said: list[str]) -> None:
    earlier = report(tmp_path, HELD)
    (tmp_path / "report.json").write_text(as_json(earlier))
    bills = tuple(replace(bill, total=bill.total * Decimal(factor)) for bill in earlier.month.bills)
    later = replace(earlier, month=replace(earlier.month, bills=bills))
    found = compare(read_baseline(tmp_path / "report.json"), later)
    assert [each.split()[4] for each in found] == sorted(said)
    assert all(each.endswith(" before") for each in found)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 0}', '{"version": 1, "started_at": "x", "drills": [1]}'])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"report\.json"):
        read_baseline(path)
