"""`rehearse up`, `loadtest` and `down`: what stays up answers, is found again, keeps its data, and goes."""

import json
import signal
from pathlib import Path

import httpx
import pytest

from loadtest.ledger import Ledger
from rehearsal.standing import Standing
from tests.path.engine import await_true
from tests.rehearsal.runs import DEADLINE_S, begin, left_running, run

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(DEADLINE_S + 20)]


def rehearse(command: str, var: Path, *arguments: str) -> str:
    done = run(command, var, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bring_up(var: Path, *arguments: str) -> Standing:
    return Standing(**json.loads(rehearse("up", var, "--json", *arguments)))


def test_a_standing_stack_answers_takes_load_is_found_again_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRY_BIND", "")  # as make exports it
    try:
        first = bring_up(tmp_path)
        assert httpx.get(f"{first.service}/health").json() == {"status": "healthy"}
        assert bring_up(tmp_path) == first
        other = run("up", tmp_path, "--speed", "60")
        assert (other.returncode, other.stdout) == (2, "")
        assert "the stack is up with other options" in other.stderr
        rehearse("loadtest", tmp_path, "--rate", "20", "--seconds", "2", "--wait", "0")
        entries = [entry for entry in Ledger(Path(first.ledger)).refresh() if entry.intent != "probe"]
        assert len(entries) > 10
        assert [entry for entry in entries if entry.problem] == []
        before = len(entries)
        load = ("--rate", "40", "--seconds", "10", "--shape", "ramp", "--processes", "2", "--wait", "0")
        said = rehearse("loadtest", tmp_path, *load)
        assert "effective traces rate of all endpoints, configured 1" in said
        assert "client reports" in said
        ramp = [entry for entry in Ledger(Path(first.ledger)).refresh() if entry.intent != "probe"][before:]
        middle = (ramp[0].sent_at + ramp[-1].sent_at) / 2
        assert [entry for entry in ramp if entry.problem] == []
        assert sum(entry.sent_at > middle for entry in ramp) > 1.5 * sum(entry.sent_at <= middle for entry in ramp)
        assert rehearse("down", tmp_path) == "stopped service, plot, sink, engine\n"
        assert left_running(tmp_path) == []
        brought_up = run("up", tmp_path, "--json")
        again = Standing(**json.loads(brought_up.stdout))
        assert "monitors and alerts are as the rules say" in brought_up.stderr
        doctor = run("doctor", tmp_path)  # without any SENTRY_* variable it is about this stack
        assert (doctor.returncode, again.engine in doctor.stderr) == (0, True), doctor.stdout
        assert again.dsn.partition("@")[0] == first.dsn.partition("@")[0]  # the engine kept its data and keys
    finally:
        rehearse("down", tmp_path, "--data")
    assert rehearse("down", tmp_path) == "nothing was running\n"
    assert not (tmp_path / "stack").exists()
    assert left_running(tmp_path) == []


def test_interrupting_up_leaves_nothing(tmp_path: Path) -> None:
    going = begin("up", tmp_path)
    going.await_talk("engine at")
    going.process.send_signal(signal.SIGINT)
    assert going.ends() == 130
    assert left_running(tmp_path) == []


def test_down_finds_what_a_killed_up_left_behind(tmp_path: Path) -> None:
    going = begin("up", tmp_path)
    try:
        going.await_talk("engine at")
        going.process.kill()
        going.process.wait()
        assert left_running(tmp_path)
    finally:
        stopped = rehearse("down", tmp_path)
    assert "sink, engine" in stopped
    assert left_running(tmp_path) == []


def test_loadtest_without_a_stack_says_what_to_do(tmp_path: Path) -> None:
    done = run("loadtest", tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no stack is up here; bring it up first: rehearse up" in done.stderr


def test_loadtest_shows_locusts_page_until_it_is_stopped(tmp_path: Path) -> None:
    try:
        standing = bring_up(tmp_path)
        going = begin("loadtest", tmp_path, "--ui", "--rate", "5", "--seconds", "60")
        going.await_talk("Locust's page: ")
        address = going.talk.read_text().partition("Locust's page: ")[2].split()[0]
        await_true("Locust's page", lambda: _title(address))
        await_true(
            "requests", lambda: any(entry.intent != "probe" for entry in Ledger(Path(standing.ledger)).refresh())
        )
        going.process.send_signal(signal.SIGINT)
        assert going.ends() == 130
    finally:
        rehearse("down", tmp_path, "--data")
    assert left_running(tmp_path) == []


def _title(address: str) -> bool:
    try:
        return "Locust" in httpx.get(address, trust_env=False).text
    except httpx.TransportError:
        return False
