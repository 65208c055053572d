"""`rehearse up` and `down`: what stays up answers, is found again, keeps its data, and goes without a trace."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.rehearsal.test_rehearsal import left_running

pytestmark = pytest.mark.rehearsal
REHEARSE = Path(sys.executable).parent / "rehearse"


def rehearse(var: Path, *arguments: str) -> str:
    command = [str(REHEARSE), *arguments, "--var", str(var)]
    done = subprocess.run(command, cwd=var, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def facts(text: str) -> dict[str, str]:
    return {line[:10].strip(): line[10:].strip() for line in text.splitlines()}


def test_a_standing_stack_answers_is_found_again_and_goes(tmp_path: Path) -> None:
    try:
        first = facts(rehearse(tmp_path, "up"))
        assert httpx.get(f"{first['service']}/health").json() == {"status": "healthy"}
        assert facts(rehearse(tmp_path, "up")) == first
        assert rehearse(tmp_path, "down") == "stopped service, sink, engine\n"
        assert left_running(tmp_path) == []
        again = facts(rehearse(tmp_path, "up"))
        assert again["DSN"].partition("@")[0] == first["DSN"].partition("@")[0]  # the engine kept its data and keys
    finally:
        rehearse(tmp_path, "down", "--data")
    assert rehearse(tmp_path, "down") == "nothing was running\n"
    assert not (tmp_path / "stack").exists()
    assert left_running(tmp_path) == []
