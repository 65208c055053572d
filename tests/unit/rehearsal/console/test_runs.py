"""Past runs as their folders have them; what is damaged, foreign or unfinished is shown as such."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rehearsal.console.runs import find_run, list_runs
from rehearsal.reports.files import write_files
from rehearsal.verdict import Finding, Status
from tests.unit.rehearsal.samples import MINUTE, page, report

HELD = Finding(Status.HELD, "it pages", "in time")
FAILED = Finding(Status.FAILED, "it pages", "late")


def leave(runs: Path, name: str, finding: Finding) -> None:
    """A run's folder with its reports."""
    (runs / name).mkdir(parents=True)
    write_files(report(runs / name, finding), None)


def test_the_newest_run_is_first_and_older_ones_are_counted(tmp_path: Path) -> None:
    for name in ("20261123T120000", "20261124T120000", "20261124T120000-2"):
        leave(tmp_path, name, HELD)
    (tmp_path / "notes").mkdir()
    found, has_more = list_runs(tmp_path, 2)
    assert [each.name for each in found] == ["20261124T120000-2", "20261124T120000"]
    assert has_more
    assert [each.name for each in list_runs(tmp_path, 2, 2)[0]] == ["20261123T120000"]
    assert list_runs(tmp_path / "nowhere", 2) == ([], False)


def test_a_run_has_its_drills_with_what_failed_and_how_long_pages_took(tmp_path: Path) -> None:
    leave(tmp_path, "20261123T120000", FAILED)
    run = find_run(tmp_path, "20261123T120000")
    assert run is not None
    assert (run.verdict, run.held, run.pages, run.took, run.has_page) == ("failed", 0, 1, timedelta(seconds=20), True)
    [drill] = run.drills
    assert [each.detail for each in drill.failed] == ["late"]
    [wait] = drill.waits
    assert wait.to_page == timedelta(seconds=57)
    assert wait.to_recovery is None
    assert run.failed == ()


def test_recoveries_are_no_pages_as_in_the_report(tmp_path: Path) -> None:
    folder = tmp_path / "20261123T120000"
    folder.mkdir()
    pages = (page(2 * MINUTE), page(9 * MINUTE, action="resolved"))
    write_files(replace(report(folder, HELD), pages=pages), None)
    run = find_run(tmp_path, folder.name)
    assert run is not None
    assert run.pages == 1


@pytest.mark.parametrize("text", ["", "[]", "{", '{"drills": 3}', '{"version": 9, "drills": [{"times": [null]}]}'])
def test_what_is_no_report_is_a_run_without_one(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "20261123T120000"
    folder.mkdir()
    (folder / "report.json").write_text(text)
    run = find_run(tmp_path, folder.name)
    assert run is not None
    assert run.verdict is None


def test_a_report_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    leave(tmp_path, "20261123T120000", HELD)
    file = tmp_path / "20261123T120000" / "report.json"
    before = find_run(tmp_path, "20261123T120000")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"verdict": "untrusted"}))
    after = find_run(tmp_path, "20261123T120000")
    assert before is not None
    assert after is not None
    assert (before.verdict, after.verdict) == ("held", "untrusted")


@pytest.mark.parametrize("name", ["..", "20261123T120000/../x", "notes", "", "20261123T120000-x"])
def test_no_other_folder_is_a_run(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes").mkdir()
    assert find_run(tmp_path, name) is None
