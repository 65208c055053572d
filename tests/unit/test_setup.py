"""The set-up script on machines that lack something: it says what, and what to install. Exit 3, nothing written."""

import os
import subprocess
from pathlib import Path

import pytest

from rehearsal.settings import ROOT

# A stand-in for python3 that answers the script's three questions as a bare machine would.
PYTHON = """#!/bin/sh
case "$2" in
  *ensurepip*) exit {venv} ;;
  *sys.exit*) exit {old} ;;
  *print*) echo {version} ;;
esac
"""


def set_up(folder: Path, python: str) -> "subprocess.CompletedProcess[str]":
    command = ["sh", str(ROOT / "scripts" / "setup.sh"), python, str(folder / "venv")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False, env=os.environ)


@pytest.mark.parametrize(
    ("venv", "old", "version", "said"),
    [
        (1, 0, "3.11", "has no venv module; on Debian and Ubuntu run: apt-get install python3-venv"),
        (0, 1, "3.9", "found Python 3.9, needed 3.11 or newer"),
    ],
)
def test_what_python_lacks_is_named(tmp_path: Path, venv: int, old: int, version: str, said: str) -> None:
    python = tmp_path / "python3"
    python.write_text(PYTHON.format(venv=venv, old=old, version=version))
    python.chmod(0o755)
    done = set_up(tmp_path, str(python))
    assert done.returncode == 3
    assert said in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_machine_without_python_is_told_so(tmp_path: Path) -> None:
    done = set_up(tmp_path, "python-that-is-not-there")
    assert done.returncode == 3
    assert "no 'python-that-is-not-there' here; Python 3.11 or newer is needed" in done.stderr
