"""A rehearsal on a Sentry that is there already. For want of one it is the embedded engine, which stands for it."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitors.client import SentryClient
from rehearsal.conduct import rehearse
from rehearsal.engines.remote import RemoteEngine, Site
from rehearsal.settings import Options
from rehearsal.verdict import Status
from tests.path.engine import Engine, start_engine
from tests.rehearsal.runs import DEADLINE_S, REHEARSE, left_running

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(DEADLINE_S)]
FAST = 60  # its own time: what stands there need not be as slow as a real one
RULES = """
alerts:
  - name: ISL new error code
    builtin: error
    when: [first_seen_event]
    frequency: 5m
    notify: [sentry_app: isl-oncall]
"""
FAILING = """
name: failing
hypothesis: A failure pages.
lasts: 4s
fault: {flag: error_rate, value: 0.5}
expect:
  pages:
    - {alert: ISL new error code, channel: isl-oncall, within: 30s}
"""
AWAY = """
name: away
hypothesis: Nobody is paged while Sentry is away.
lasts: 4s
outage: {after: 1s, lasts: 1s, slower_at_most: 2.0}
expect:
  pages: []
"""


class Silent:
    def say(self, text: str) -> None: ...
    def show(self, text: str) -> None: ...


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Rules and drills that need no long windows: at speed 1 an hour is an hour."""
    for name, text in {"rules/isl.yml": RULES, "drills/10.yml": FAILING, "drills/20.yml": AWAY}.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path / "rules", tmp_path / "drills"


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Engine]:
    engine = start_engine(tmp_path / "standing", FAST)
    yield engine
    engine.end()


def run(var: Path, sentry: Engine, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Rehearse on it as a user does."""
    environ = os.environ | {"SENTRY_URL": sentry.url, "SENTRY_AUTH_TOKEN": token_of(sentry)}
    argv = [str(REHEARSE), "run", "--sentry", "self-hosted", "--var", str(var), *arguments]
    return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def token_of(sentry: Engine) -> str:
    return (sentry.data_dir / "token").read_text().strip()


def test_it_holds_there_and_leaves_a_project_but_nothing_that_pages(
    tmp_path: Path, standing: Engine, folders: tuple[Path, Path]
) -> None:
    rules, drills = folders
    var = tmp_path / "var"
    chosen = ("--rules", str(rules), "--drills", str(drills), "--traffic", "10/s", "--json")
    done = run(var, standing, *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["engine"], report["options"]["speed"]) == (f"Sentry at {standing.url}", 1)
    assert [(each["drill"]["name"], each["status"]) for each in report["drills"]] == [("failing", "held")]
    assert [each["name"] for each in report["skipped"]] == ["away"]
    assert "it needs an engine of our own" in report["skipped"][0]["reason"]
    assert [(page["channel"], page["is_signed"]) for page in report["pages"]] == [("isl-oncall", True)]
    assert report["books"]["is_closed"] is True
    assert left_running(var) == []
    assert standing.is_up()
    with SentryClient(standing.url, token_of(standing), "sentry") as client:
        assert len([each for each in client.projects() if each.slug.startswith("isl-2")]) == 1
        assert (client.workflows(), client.sentry_apps()) == ((), ())


def test_a_sentry_whose_canary_is_dead_is_not_trusted(
    tmp_path: Path, standing: Engine, folders: tuple[Path, Path]
) -> None:
    """It answers, takes everything and pages nothing: as several releases of self-hosted Sentry did."""
    standing.end()
    deaf = start_engine(standing.data_dir, FAST, quotas="transaction=0,span=0")
    try:
        site = Site("Sentry here", deaf.url, token_of(deaf), "sentry", "127.0.0.1")
        engine = RemoteEngine(site, datetime(2026, 11, 26, tzinfo=UTC), lag=timedelta(seconds=1))
        rules, drills = folders
        options = Options(speed=FAST, traffic=0.1, rules=rules, drills=drills, var=tmp_path / "var")
        report = rehearse(options, Silent(), engine)
    finally:
        deaf.end()
    assert report.status is Status.UNTRUSTED
    assert report.drills == ()
    assert "does it reach the sink at http://127.0.0.1:" in report.canary.detail


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "said"),
    [
        (("--speed", "60"), {}, 2, "that Sentry keeps production time"),
        (("--only", "sentry-away"), {}, 2, "sentry-away: it needs an engine of our own"),
        ((), {"SENTRY_AUTH_TOKEN": ""}, 2, "SENTRY_URL is set and SENTRY_AUTH_TOKEN is not"),
        ((), {"SENTRY_URL": "http://sentry.example"}, 2, "it reaches the sink: --sink-host ADDRESS"),
        ((), {"SENTRY_URL": "sentry.example"}, 2, "SENTRY_URL: "),
        ((), {"SENTRY_URL": ""}, 3, "next: make sentry-install, or make rehearse without SENTRY"),
        ((), {}, 3, "next: rehearse doctor, or where it was stopped make up SENTRY=self-hosted"),
        (("--sink-host", "192.0.2.1"), {}, 3, "no free port on 192.0.2.1; needed is an address of this machine"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
def test_what_cannot_be_rehearsed_there_ends_with_the_reason(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], code: int, said: str
) -> None:
    environ = os.environ | {"SENTRY_URL": "http://127.0.0.1:9", "SENTRY_AUTH_TOKEN": "t"} | variables
    argv = [str(REHEARSE), "run", "--sentry", "self-hosted", "--var", str(tmp_path), *arguments]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in " ".join(done.stderr.split())
    assert left_running(tmp_path) == []
