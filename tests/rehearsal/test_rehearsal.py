"""Whole rehearsals as a user runs them: the real command, real processes, real time compressed sixty times."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rehearsal.settings import ROOT

pytestmark = pytest.mark.rehearsal

REHEARSE = Path(sys.executable).parent / "rehearse"
DEADLINE_S = 90.0
RULES = ROOT / "monitors" / "rules"
MISSING = "no page from 'ISL error rate' reached the sink"


def rehearse(var: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `rehearse run` to its end."""
    command = [str(REHEARSE), "run", "--var", str(var), "--json", *arguments]
    return subprocess.run(command, cwd=var, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def left_running(var: Path) -> list[int]:
    """Processes that were told of this run's folder, by command line or environment."""
    mark, own = os.fsencode(var), os.getpid()
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and int(folder.name) != own and _mentions(folder, mark)
    ]


def _mentions(folder: Path, mark: bytes) -> bool:
    try:
        return mark in (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def details(report: dict[str, Any]) -> list[str]:
    """What the failed findings say."""
    findings = [each for drill in report["drills"] for each in drill["findings"]] + report["book_findings"]
    return [each["detail"] for each in findings if each["status"] == "failed"]


def test_the_whole_rehearsal_holds_and_leaves_reports_but_no_process(tmp_path: Path) -> None:
    done = rehearse(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "held"
    assert report["books"]["is_closed"] is True
    assert [page["action"] for page in report["pages"]] == ["triggered", "critical", "resolved"]
    folder = next((tmp_path / "runs").iterdir())
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads((folder / "report.json").read_text())["verdict"] == "held"
    assert left_running(tmp_path) == []


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


def with_raised_threshold(rules: Path) -> None:
    """Page only when half of all requests fail."""
    text = (rules / "isl.yml").read_text()
    (rules / "isl.yml").write_text(text.replace('"> 0.05"', '"> 0.50"').replace('"<= 0.05"', '"<= 0.50"'))


@pytest.mark.parametrize(
    ("change", "arguments", "reason"),
    [
        (without_monitor, (), "the rules have no alert of that name"),
        (with_raised_threshold, (), "threshold (failure_rate() > 0.5 over 5m) is above what the fault causes"),
        (None, ("--webhook-url", "http://127.0.0.1:9/"), "does the webhook of isl-alerts point to the sink?"),
        (None, ("--no-faults",), "no request failed; was the fault injected?"),
    ],
    ids=["monitor removed", "threshold raised", "webhook to a closed port", "no fault"],
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_it_in_the_middle_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    errors = tmp_path / "stderr"
    with errors.open("w") as talk:
        process = subprocess.Popen(
            [str(REHEARSE), "run", "--var", str(tmp_path)], stderr=talk, stdout=subprocess.DEVNULL
        )
    deadline = time.monotonic() + DEADLINE_S
    while "load running" not in errors.read_text():
        assert process.poll() is None, errors.read_text()
        assert time.monotonic() < deadline, "waited for the load to run"
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(DEADLINE_S) == 130
    assert "stopped; nothing was left running" in errors.read_text()
    assert left_running(tmp_path) == []


def test_killing_it_outright_takes_its_children_along(tmp_path: Path) -> None:
    errors = tmp_path / "stderr"
    with errors.open("w") as talk:
        process = subprocess.Popen(
            [str(REHEARSE), "run", "--var", str(tmp_path)], stderr=talk, stdout=subprocess.DEVNULL
        )
    deadline = time.monotonic() + DEADLINE_S
    while "load running" not in errors.read_text():
        assert time.monotonic() < deadline, "waited for the load to run"
        time.sleep(0.05)
    process.kill()
    process.wait()
    while left_running(tmp_path):
        assert time.monotonic() < deadline, f"still running: {left_running(tmp_path)}"
        time.sleep(0.1)
