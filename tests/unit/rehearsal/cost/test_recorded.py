"""A recorded run as the source of a what-if: what it says, and what it is refused for."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from rehearsal.cli import cli
from rehearsal.cost.assume import load_assumptions
from rehearsal.cost.measured import Measured
from rehearsal.cost.recorded import as_yaml, common_prefix, last_run, load_run
from rehearsal.errors import UsageError
from rehearsal.reports.jsonfile import as_json
from tests.unit.rehearsal.samples import MEASURED, report


def run(folder: Path, measured: Measured = MEASURED) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(as_json(replace(report(folder), measured=measured)))
    return folder


def test_run_says_what_each_endpoint_emits(tmp_path: Path) -> None:
    found = load_run(run(tmp_path), least_errors=0.005)
    validate, log = found.endpoints
    assert (validate.name, validate.route) == ("causal/validate", "/api/v1/causal/validate")
    assert (validate.share, validate.errors, validate.spans) == (0.8, 0.01, 4.0)
    assert dict(validate.span_names) == {"http.server /api/v1/causal/validate": 1.0, "cache.get identify": 3.0}
    assert log.errors == 0.005  # none seen: a rehearsal's service is healthier than a real one
    assert found.as_of == date(2026, 11, 23)


def test_logs_and_attachments_are_billed_by_what_the_run_sent(tmp_path: Path) -> None:
    items = {"log_byte": 2_000_000, "attachment": 500_000}
    found = load_run(run(tmp_path, replace(MEASURED, items=items)))
    assert (found.beside.logs_bytes, found.beside.attachments_bytes) == (2_000, 500)


def test_saved_assumptions_are_the_run_again(tmp_path: Path) -> None:
    found = load_run(run(tmp_path))
    file = tmp_path / "kept.yml"
    file.write_text(as_yaml(found, date(2026, 11, 26)))
    again = load_assumptions(file)
    assert again.endpoints == found.endpoints
    assert again.as_of == found.as_of
    assert "written on 2026-11-26" in again.method


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (replace(MEASURED, requests=150), "150 undisturbed requests are too few, 200 are needed"),
        (
            replace(MEASURED, endpoints=(replace(MEASURED.endpoints[0], transactions=3), MEASURED.endpoints[1])),
            r"3 transactions of /api/v1/causal/validate are too few, 5 are needed; rehearse with --traces 1.0",
        ),
        (replace(MEASURED, levels=(0.0, 1.0)), "quantiles are of another version"),
    ],
)
def test_run_without_enough_data_is_refused_with_the_remedy(tmp_path: Path, measured: Measured, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_run(run(tmp_path, measured))


def test_what_is_no_report_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(UsageError, match=r"report\.json: no report with measurements: KeyError 'measured'"):
        load_run(tmp_path)
    with pytest.raises(UsageError, match=r"no run with a report\.json; rehearse first"):
        last_run(tmp_path / "none")


def test_prefix_is_of_whole_parts() -> None:
    assert common_prefix(["/api/v1/a/x", "/api/v1/ab/y"]) == "/api/v1/"
    assert common_prefix(["/a", "/b"]) == "/"
    assert common_prefix(["/api/v1/only"]) == "/"


def test_bill_of_the_last_run_names_endpoints_and_spans(tmp_path: Path) -> None:
    run(tmp_path / "runs" / "20261123T120000")
    ran = CliRunner().invoke(cli, ["cost", "--var", str(tmp_path)], env={"COLUMNS": "160"})
    assert ran.exit_code == 0, ran.output
    assert "cache.get identify" in ran.stdout
    assert "run of 2026-11-23" in ran.stdout
    assert "Prices of 2026-09-20" in ran.stdout


def test_whatif_of_a_run_and_assumptions_at_once_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "kept.yml"
    file.write_text(as_yaml(load_run(run(tmp_path)), date(2026, 11, 26)))
    ran = CliRunner().invoke(cli, ["whatif", "--run", str(tmp_path), "--assume", str(file)])
    assert isinstance(ran.exception, UsageError)
    assert "give one of them" in str(ran.exception)
