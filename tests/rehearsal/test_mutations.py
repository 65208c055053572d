"""The stack, broken in one place at a time: the rehearsal must fail, in the right place, for the right reason.

Each case runs a copy of the project's packages with one line changed, as a careless edit would leave it.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.settings import ROOT
from tests.rehearsal.runs import DEADLINE_S, left_running

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(DEADLINE_S + 20)]

PACKAGES = ("embedded", "loadtest", "monitors", "rehearsal", "service")
RULES = "monitors/rules/isl.yml"
TELEMETRY = "service/telemetry.py"
EVENT_HOOKS = "service/event_hooks.py"
SAMPLING = "service/sampling.py"
RUN = "the whole run"


@dataclass(frozen=True)
class Mutation:
    """One edit, and what must come of it."""

    file: str
    old: str
    new: str
    fails: dict[str, str]  # drill, or the whole run -> a part of the reason
    holds: tuple[str, ...]  # drills that have nothing to do with it
    traces: str = "1"  # sample rate of the run

    @property
    def drills(self) -> list[str]:
        return [*(name for name in self.fails if name != RUN), *self.holds]


# With a monitor that cannot fire, the alert on new codes still does. For one that can it is no last drill: when the
# load stops with failures in the window, their share of it grows, and pages.
NEW_CODES = ("new-error-code",)
HEALTHY = ("healthy-baseline",)
MUTATIONS = {
    "the threshold is ten times as high": Mutation(
        RULES,
        'high: "> 0.05"\n      resolve: "<= 0.05"',
        'high: "> 0.50"\n      resolve: "<= 0.50"',
        {"error-rate-step": "(failure_rate() > 0.5 over 5m) is above what the fault causes"},
        NEW_CODES,
    ),
    # The end is told in the drill after it, which lasts four windows; what fails there may open it again, by chance.
    "the threshold is under what is tolerable": Mutation(
        RULES,
        'high: "> 0.05"\n      resolve: "<= 0.05"',
        'high: "> 0.02"\n      resolve: "<= 0.01"',
        {"slow-creep": " unexpected: ISL error rate on isl-alerts", "pii-canaries": " unexpected: ISL error rate"},
        (),
    ),
    "the monitor looks at another environment": Mutation(
        RULES,
        "    window: 5m\n",
        "    window: 5m\n    environment: production\n",
        {"error-rate-step": "never opened although"},
        NEW_CODES,
    ),
    "the window is an hour": Mutation(
        RULES,
        "    window: 5m\n",
        "    window: 1h\n",
        {"one-endpoint-out": "too long for a page within 6m 00s of the fault"},
        NEW_CODES,
    ),
    "the alert goes to another team": Mutation(
        RULES,
        "sentry_app: isl-alerts ",
        "sentry_app: isl-performance ",
        {"error-rate-step": "it went to isl-performance instead of isl-alerts"},
        HEALTHY,
    ),
    "the alert does not tell the end": Mutation(
        RULES,
        "[first_seen_event, regression_event, reappeared_event, issue_resolved_trigger]",
        "[first_seen_event, regression_event, reappeared_event]",
        {"error-rate-step": "no recovery from 'ISL error rate' reached the sink"},
        HEALTHY,
    ),
    "the fingerprint without the code": Mutation(
        EVENT_HOOKS,
        '    event["fingerprint"] = ',
        "    _ = ",
        {"error-rate-step": "times for one fault"},  # an issue, and a page, for each place that raises the code
        HEALTHY,
    ),
    "log lines become events too": Mutation(
        TELEMETRY,
        "event_level=None",
        "event_level=logging.ERROR",
        {"error-rate-step": "it paged 2 times for one fault", RUN: "duplicated, for example req_"},
        HEALTHY,
    ),
    "the scrubber is switched off": Mutation(
        EVENT_HOOKS,
        "for step in (scrub, reduce_event):",
        "for step in (dict, reduce_event):",
        {"pii-canaries": "request.headers"},
        HEALTHY,
    ),
    "nothing is flushed at the end": Mutation(
        TELEMETRY,
        "        await asyncio.to_thread(sentry_sdk.flush, timeout=FLUSH_TIMEOUT_S)",
        "        pass",
        {RUN: " lost: "},
        HEALTHY,
    ),
    "every caller is trusted": Mutation(
        "service/trace_trust.py",
        "    if not headers or is_trusted(",
        "    if True or is_trusted(",
        # Who asks for it is traced at the caller's rate, and counts for fewer requests than it should.
        {"forced-sampling": "forced by a caller, for example req_", RUN: "forced, for example req_"},
        (),
        traces="0.25",
    ),
    "the sampler the wrong way round": Mutation(
        SAMPLING,
        'if path.rstrip("/") in UNTRACED_PATHS:',
        'if path.rstrip("/") not in UNTRACED_PATHS:',
        # The probes alone are traced, and Sentry's filter of health checks takes them.
        {
            "forced-sampling": "whoever asks, less is traced than configured: 0 traced",
            RUN: "no monitor on them had anything to see",
        },
        HEALTHY,
        traces="0.25",
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_broken_line_is_found_where_it_hurts(tmp_path: Path, mutation: Mutation) -> None:
    copy = mutate(tmp_path / "project", mutation)
    only = [part for drill in mutation.drills for part in ("--only", drill)]
    argv = [sys.executable, "-m", "rehearsal.cli", "run", "--var", str(tmp_path / "var"), "--json"]
    argv += ["--traces", mutation.traces, *only]
    done = subprocess.run(argv, cwd=copy, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    said = failures(json.loads(done.stdout))
    assert set(said) == set(mutation.fails), said
    assert all(reason in said[place] for place, reason in mutation.fails.items()), said
    assert left_running(tmp_path) == []


def mutate(folder: Path, mutation: Mutation) -> Path:
    """Copy the packages and change the one place."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / mutation.file
    text = path.read_text()
    assert mutation.old in text, f"{mutation.file} has no {mutation.old!r} to break"
    path.write_text(text.replace(mutation.old, mutation.new, 1))
    return folder


def failures(report: dict[str, Any]) -> dict[str, str]:
    """What failed, by drill: all its reasons in one text."""
    places = {result["drill"]["name"]: result["findings"] for result in report["drills"]} | {
        RUN: report["run_findings"]
    }
    failed = {
        place: "; ".join(each["detail"] for each in findings if each["status"] == "failed")
        for place, findings in places.items()
    }
    return {place: said for place, said in failed.items() if said}
