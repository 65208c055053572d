"""Drills that notice nothing are worth nothing: one project broken in many places, and each drill tells of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal.settings import ROOT
from tests.rehearsal.runs import DEADLINE_S, left_running
from tests.rehearsal.test_mutations import PACKAGES, failures

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(DEADLINE_S + 20)]

SPEED = 120  # what is broken is broken at every speed
# File, text, what a careless edit made of it. Each belongs to the drill whose reason is below.
EDITS = (
    # The threshold was meant for another service.
    ("monitors/rules/isl.yml", 'high: "> 0.05"\n      resolve: "<= 0.05"', 'high: "> 0.02"\n      resolve: "<= 0.02"'),
    # Only what was never seen pages.
    ("monitors/rules/isl.yml", "when: [first_seen_event, regression_event]", "when: [first_seen_event]"),
    # Every caller is trusted.
    ("service/trace_trust.py", "    if not headers or is_trusted(", "    if True or is_trusted("),
    # The engine forgets the state of its monitors when it starts.
    (
        "embedded/store/schema.sql",
        "CREATE TABLE IF NOT EXISTS open_period (",
        "UPDATE detector_state SET level = 0, fired_ms = NULL;\nCREATE TABLE IF NOT EXISTS open_period (",
    ),
    # The key's limit is never asked for.
    ("embedded/quota.py", "if limit is not None and category in ERRORS:", "if False:"),
    # The SDK keeps its losses to itself.
    (
        "service/telemetry.py",
        '        "spotlight": False,',
        '        "send_client_reports": False,\n        "spotlight": False,',
    ),
    # Sentry was not out at all.
    ("rehearsal/switch.py", "if how in (How.LIMITING, How.FAILING):", "if how is How.FAILING:"),
)
REASONS = {
    "slow-creep": "ISL error rate on isl-alerts: failure_rate()",
    "engine-restart": "ISL error rate",
    "bad-deploy": "no page from 'ISL new error code' reached the sink",
    "forced-sampling": "kept out by a caller, for example req_",
    "error-storm": "the limit never held",
    "sentry-slow": "the SDK reported none of queue_overflow, backpressure",
    "sentry-limiting": "was Sentry out?",
    "sentry-failing": "the SDK reported none of network_error",
}


def test_each_drill_fails_for_a_reason_of_its_own(tmp_path: Path) -> None:
    project = break_everything(tmp_path / "project")
    only = [part for drill in REASONS for part in ("--only", drill)]
    argv = [sys.executable, "-m", "rehearsal.cli", "run", "--var", str(tmp_path / "var"), "--json"]
    argv += ["--speed", str(SPEED), *only]
    done = subprocess.run(argv, cwd=project, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    said = failures(report)
    assert {name: reason in said.get(name, "") for name, reason in REASONS.items()} == dict.fromkeys(REASONS, True), (
        said
    )
    assert left_running(tmp_path) == []


def break_everything(folder: Path) -> Path:
    """Copy the packages and make every edit."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in EDITS:
        path = folder / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r} to break"
        path.write_text(text.replace(old, new, 1))
    # It pages here, and Sentry lets a monitor fire again only ten minutes later: after the other one that pages.
    drills = folder / "rehearsal" / "drills"
    (drills / "66-slow-creep.yml").rename(drills / "79-slow-creep.yml")
    return folder
