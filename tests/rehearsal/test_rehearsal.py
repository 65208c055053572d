"""Whole rehearsals as a user runs them: the real command, real processes, real time compressed sixty times."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rehearsal.reports.report_schema import report_schema
from rehearsal.settings import ROOT
from tests.rehearsal.runs import DEADLINE_S, await_nothing_left, begin, left_running, run

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(DEADLINE_S + 20)]

RULES = ROOT / "monitors" / "rules"
PAGES = [
    ("isl-performance", "critical"),  # slow-responses
    ("isl-performance", "resolved"),
    ("isl-oncall", "triggered"),  # error-rate-step
    ("isl-alerts", "critical"),
    ("isl-alerts", "resolved"),
    ("isl-alerts", "critical"),  # one-endpoint-out
    ("isl-alerts", "resolved"),
    ("isl-oncall", "triggered"),  # new-error-code
    ("isl-alerts", "critical"),  # engine-restart
    ("isl-alerts", "resolved"),
    ("isl-oncall", "triggered"),  # database-away
    ("isl-alerts", "critical"),
    ("isl-alerts", "resolved"),
    ("isl-oncall", "triggered"),  # bad-deploy
    ("isl-alerts", "critical"),  # error-storm
    ("isl-alerts", "resolved"),
]
LOST = {"network_error", "sample_rate", "refused with 429"}  # by the outages and the probes, in every run
MAY_BE_LOST = LOST | {"ratelimit_backoff", "queue_overflow", "backpressure"}  # as the SDK's timing has it
MISSING = "no page from 'ISL error rate' reached the sink"


def rehearse(var: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run("run", var, "--json", *arguments)


def details(report: dict[str, Any]) -> list[str]:
    """What the failed findings say."""
    findings = [each for drill in report["drills"] for each in drill["findings"]] + report["run_findings"]
    return [each["detail"] for each in findings if each["status"] == "failed"]


def test_the_whole_rehearsal_holds_and_leaves_reports_but_no_process(tmp_path: Path) -> None:
    """At the first try: `rehearse drills check` reckons that chance alone breaks it in one run of a thousand."""
    done = rehearse(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "held"
    Draft202012Validator(report_schema()).validate(report)
    assert report["books"]["is_closed"] is True
    assert report["books"]["unanswered"] <= 0.01 * report["books"]["sent"]
    assert [(page["channel"], page["action"]) for page in report["pages"]] == PAGES
    assert LOST <= set(report["books"]["transactions"]["discards"]) <= MAY_BE_LOST
    assert report["measured"]["requests"] > 200
    assert all(each["spans"] >= each["looked_into"] for each in report["measured"]["endpoints"])
    folder = next((tmp_path / "runs").iterdir())
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads((folder / "report.json").read_text())["verdict"] == "held"
    assert left_running(tmp_path) == []


def test_two_at_once_have_ports_folders_and_pages_of_their_own(tmp_path: Path) -> None:
    runs = [begin("run", tmp_path, "--only", "error-rate-step") for _ in range(2)]
    assert [each.ends() for each in runs] == [0, 0], "\n".join(each.talk.read_text() for each in runs)
    reports = [json.loads((folder / "report.json").read_text()) for folder in (tmp_path / "runs").iterdir()]
    assert len(reports) == 2
    assert [len(report["pages"]) for report in reports] == [3, 3]


def without_monitor(rules: Path) -> None:
    """Take the error-rate monitor and its alert out."""
    text = (rules / "isl.yml").read_text()
    for start, end in (
        ("  - name: ISL error rate\n    description", '  # Guide: "P95'),
        ("  - name: ISL error rate\n    monitors", '  # Guide: "New'),
    ):
        head, tail = text.index(start), text.index(end, text.index(start))
        text = text[:head] + text[tail:]
    (rules / "isl.yml").write_text(text)


@pytest.mark.parametrize(
    ("change", "arguments", "reason"),
    [
        (without_monitor, (), "the rules have no alert of that name"),
        (None, ("--webhook-url", "http://127.0.0.1:9/"), "does the webhook of isl-alerts point to the sink?"),
        (None, ("--no-faults",), "no request failed; was the fault injected?"),
    ],
    ids=["monitor removed", "webhook to a closed port", "no fault"],
)
def test_breaking_it_fails_and_names_the_missing_page(
    tmp_path: Path, change: Callable[[Path], None] | None, arguments: tuple[str, ...], reason: str
) -> None:
    rules = shutil.copytree(RULES, tmp_path / "rules")
    if change:
        change(rules)
    done = rehearse(tmp_path, "--only", "error-rate-step", "--rules", str(rules), *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    said = next(each for each in details(json.loads(done.stdout)) if each.startswith(MISSING))
    assert reason in said
    assert left_running(tmp_path) == []


def test_without_any_trace_silence_proves_nothing(tmp_path: Path) -> None:
    done = rehearse(tmp_path, "--only", "healthy-baseline", "--traces", "0")
    assert done.returncode == 1, done.stdout + done.stderr
    assert any("no monitor on them had anything to see" in each for each in details(json.loads(done.stdout)))


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "engine at"),
        (signal.SIGINT, "load running"),
        (signal.SIGTERM, "load running"),
        (signal.SIGHUP, "load running"),
    ],
    ids=lambda each: each.name if isinstance(each, signal.Signals) else each,
)
def test_stopping_it_in_the_middle_leaves_no_process(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    going = begin("run", tmp_path)
    going.await_talk(moment)
    going.process.send_signal(number)
    assert going.ends() == 130
    assert "stopped; nothing that it started was left running" in going.talk.read_text()
    assert left_running(tmp_path) == []


def test_an_impatient_second_ctrl_c_leaves_no_process_either(tmp_path: Path) -> None:
    going = begin("run", tmp_path)
    going.await_talk("load running")
    for _ in range(3):
        going.process.send_signal(signal.SIGINT)
    assert going.ends() == 130
    assert "stopped; nothing that it started was left running" in going.talk.read_text()
    assert left_running(tmp_path) == []


def test_killing_it_outright_takes_its_children_along(tmp_path: Path) -> None:
    going = begin("run", tmp_path)
    going.await_talk("load running")
    going.process.kill()
    going.process.wait()
    await_nothing_left(tmp_path)
