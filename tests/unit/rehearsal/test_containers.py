"""Containers on machines without Docker: what was asked for ends in words and exit 3, what was not needs none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REHEARSE = Path(sys.executable).parent / "rehearse"
# A stand-in for docker: an engine, and a Compose of the version that Debian 12 ships.
OLD_COMPOSE = """#!/bin/sh
case "$*" in
  version*) echo '{"Version": "20.10.24", "Arch": "amd64"}' ;;
  "compose version"*) echo 1.29.2 ;;
  "buildx version") echo "github.com/docker/buildx 0.13.1" ;;
  *) exit 1 ;;
esac
"""


def rehearse(path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it with a PATH that holds nothing but what the test put there, and a shell."""
    (path / "sh").symlink_to("/bin/sh") if not (path / "sh").exists() else None
    environ = {**os.environ, "PATH": str(path), "DOCKER_HOST": ""}
    return subprocess.run(
        [str(REHEARSE), *arguments, "--var", str(path / "var")],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_self_hosted_without_docker_says_what_is_needed_and_what_to_do(tmp_path: Path) -> None:
    done = rehearse(tmp_path, "up", "--sentry", "self-hosted")
    assert (done.returncode, done.stdout) == (3, "")
    assert "found no Docker engine (no docker command here)" in done.stderr
    assert "without it: make up SENTRY=embedded" in done.stderr
    assert not (tmp_path / "var" / "compose").exists()


def test_an_old_compose_is_named(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text(OLD_COMPOSE)
    (tmp_path / "docker").chmod(0o755)
    done = rehearse(tmp_path, "up", "--sentry", "self-hosted")
    assert done.returncode == 3
    assert "found Docker Compose 1.29.2, needed is 2.24.0 or newer" in done.stderr


@pytest.mark.rehearsal
def test_embedded_without_docker_runs_as_processes_and_says_why(tmp_path: Path) -> None:
    try:
        done = rehearse(tmp_path, "up", "--sentry", "embedded")
        assert done.returncode == 0, done.stderr
        assert "embedded Sentry, as processes: found no Docker engine" in done.stderr
    finally:
        down = rehearse(tmp_path, "down", "--data")
    assert down.stdout == "stopped service, plot, sink, engine\n"
