"""Drills that notice nothing are worth nothing: one project broken in many places, and each drill tells of its own."""

import json
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rehearsal.clock import Pace
from rehearsal.settings import ROOT
from tests.rehearsal.runs import DEADLINE_S, left_running, run
from tests.rehearsal.test_mutations import PACKAGES, failures

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(DEADLINE_S + 20)]

# File, text, what a careless edit made of it. Each belongs to the drill whose reason is below.
EDITS = (
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
# By drill, as a pattern. Where the machine is busy with something else more is lost than the limit and the switch cost.
REASONS = {
    "engine-restart": "it paged 2 times for one fault",
    "bad-deploy": "no page from 'ISL new error code' reached the sink",
    "forced-sampling": "kept out by a caller, for example req_",
    "error-storm": "the limit never held|no book has a reason for it",
    "sentry-limiting": "was Sentry out|the SDK reported none of refused with 429",
    "sentry-failing": "the SDK reported none of network_error",
    "sentry-slow": "the SDK reported none of queue_overflow, backpressure",
}


def test_each_drill_fails_for_a_reason_of_its_own(tmp_path: Path) -> None:
    project = break_everything(tmp_path / "project")
    only = [part for drill in REASONS for part in ("--only", drill)]
    argv = [sys.executable, "-m", "rehearsal.cli", "run", "--var", str(tmp_path / "var"), "--json", *only]
    done = subprocess.run(argv, cwd=project, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    said = failures(report)
    assert [name for name, reason in REASONS.items() if not re.search(reason, said.get(name, ""))] == [], said
    assert left_running(tmp_path) == []


# A watch over the traffic that somebody set by looking at the day: steady, a window has 116 requests; at night 21.
TOO_LITTLE = """
monitors:
  - name: ISL traffic
    aggregate: count()
    dataset: spans
    query: is_transaction:true
    window: 5m
    thresholds: {high: "< 55", resolve: ">= 55"}
alerts:
  - name: ISL traffic
    monitors: [ISL traffic]
    when: [first_seen_event, regression_event]
    frequency: 5m
    notify: [{sentry_app: isl-oncall}]
"""


def test_a_rule_that_only_the_night_wakes_fails_the_quiet_day(tmp_path: Path) -> None:
    """The drill that ships, shortened to forty minutes: its nights page, its noon and the traffic before it do not."""
    rules, drills = shutil.copytree(ROOT / "monitors" / "rules", tmp_path / "rules"), tmp_path / "drills"
    (rules / "night.yml").write_text(TOO_LITTLE)
    drills.mkdir()
    day = (ROOT / "rehearsal" / "drills" / "99-quiet-day.yml").read_text()
    (drills / "day.yml").write_text(day.replace("lasts: 24h", "lasts: 40m"))
    folders = ["--rules", str(rules), "--drills", str(drills)]
    done = run("run", tmp_path, "--json", "--only", "quiet-day", "--speed", "120", *folders)
    assert done.returncode == 1, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert "unexpected: ISL traffic on isl-oncall" in failures(report)["quiet-day"]
    [drill] = report["drills"]
    pace = Pace(120.0, datetime.fromisoformat(report["origin"]))
    at_s = [pace.at(datetime.fromisoformat(page["received_at"])).total_seconds() for page in report["pages"]]
    parts = [(each - drill["started_at"]) / 2400 for each in at_s]  # of the day
    # Apart from start and stop, when there is little traffic too.
    known = [each for each in parts if -0.1 < each < 1.1]
    assert known, parts
    assert all(0 < each < 0.3 or each > 0.7 for each in known), parts


def break_everything(folder: Path) -> Path:
    """Copy the packages and make every edit."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in EDITS:
        path = folder / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r} to break"
        path.write_text(text.replace(old, new, 1))
    return folder
