"""report.json and its published schema agree, and the schema refuses what no report holds."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from rehearsal.cli import cli
from rehearsal.disturbance import (
    Carrier,
    Deploy,
    Disturbance,
    Fault,
    Forced,
    Forcing,
    HookFault,
    How,
    Outage,
    Planting,
    Shape,
    Silence,
    Storm,
)
from rehearsal.privacy.secret import Planted, Secret
from rehearsal.reports.jsonfile import as_json
from rehearsal.reports.report_schema import report_schema
from rehearsal.verdict import Finding, Report, Status
from tests.unit.rehearsal.samples import report

SCHEMA = Draft202012Validator(report_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
MINUTE = timedelta(minutes=1)
DISTURBANCES: tuple[Disturbance | None, ...] = (
    None,
    Fault("error_rate", 0.2, ("/a",), 0.5),
    HookFault("broken", 0.2, None),
    Outage(MINUTE, MINUTE, 2.0),
    Outage(MINUTE, MINUTE, None, How.KILLED, Fault("error_rate", 0.2, creeps=MINUTE)),
    Silence(MINUTE, MINUTE),
    Deploy(MINUTE, Fault("error_rate", 0.2)),
    Storm(Fault("error_rate", 0.2), Fault("new_error_code", 0.2), 10, MINUTE),
    Forcing("GET", "/a", "", 10),
    Shape("day"),
    Planting((Carrier("GET", "/a", ("X-A: $word",), "", Fault("error_rate", 1.0)),)),
)


def with_disturbance(found: Report, disturbance: Disturbance | None) -> Report:
    planted = Planted("mark", (Secret("word", "abc", "abc", "here"),), ("req_1",))
    forced = Forced(("req_1",), ("req_2",))
    [result] = found.drills
    drill = replace(result.drill, disturbance=disturbance)
    drilled = replace(result, drill=drill, planted=planted, forced=forced, out=(MINUTE, 2 * MINUTE))
    return replace(found, drills=(drilled,))


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_a_report_is_as_its_schema_says(tmp_path: Path, disturbance: Disturbance | None) -> None:
    Draft202012Validator.check_schema(report_schema())
    found = with_disturbance(report(tmp_path, Finding(Status.FAILED, "it pages", "no page")), disturbance)
    SCHEMA.validate(json.loads(as_json(found)))


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"verdict": "perhaps"}, {"pages": [{}]}, {"books": {}}, {"unheard": 1}, {"origin": 5}],
)
def test_the_schema_refuses_what_is_no_report(tmp_path: Path, change: dict[str, Any]) -> None:
    written = json.loads(as_json(report(tmp_path, Finding(Status.HELD, "it pages", "in time"))))
    assert not SCHEMA.is_valid(written | change)


def test_the_command_prints_it() -> None:
    assert json.loads(CliRunner().invoke(cli, ["report", "schema"]).output) == report_schema()
