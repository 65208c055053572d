"""Child processes: what they see of us, what is said when they die, and that none survives."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from rehearsal.errors import EnvironmentMissingError
from rehearsal.processes import inherited, mark, start, stop, stop_marked, wait_until

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
DEADLINE = timedelta(seconds=20)


def test_children_see_nothing_that_could_configure_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SENTRY_DSN", "ISL_PORT", "GUNICORN_CMD_ARGS", "LOCUST_USERS", "PYTHONPATH", "https_proxy"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    seen = inherited()
    assert seen["LC_ALL"] == "C.UTF-8"
    assert set(seen) - {"LC_ALL"} <= {"HOME", "LANG", "LC_CTYPE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TMPDIR"} | {
        "TZ",
        "USER",
    }


def test_a_child_that_dies_is_told_with_its_last_words_although_someone_else_answers(tmp_path: Path) -> None:
    child = start("part", [sys.executable, "-c", "print('no such port'); raise SystemExit(4)"], {}, tmp_path / "log")
    child.process.wait()
    with pytest.raises(EnvironmentMissingError, match=r"part ended with code 4:\nno such port"):
        wait_until("the part", lambda: True, child, DEADLINE)


def test_a_child_that_never_answers_is_given_up(tmp_path: Path) -> None:
    child = start("part", SLEEPER, {}, tmp_path / "log")
    try:
        with pytest.raises(EnvironmentMissingError, match="waited 0 s for the part in vain"):
            wait_until("the part", lambda: False, child, timedelta(0))
    finally:
        stop(child)
    assert not child.is_running


def test_a_marked_child_is_found_again_and_stopped_but_no_other(tmp_path: Path) -> None:
    child = start("part", SLEEPER, {}, tmp_path / "log", outlives_us=True)
    found = mark(child)
    try:
        assert found.is_running
        stop_marked(type(found)(found.name, found.pid, "another start"))
        assert child.is_running
        stop_marked(found)
        assert child.process.wait(20) != 0
        assert not found.is_running
    finally:
        stop(child)
