"""Provisioning as a command against the real engine: what it writes, twice the same, and what is said."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitors.load import load_rules
from rehearsal.provisioning import rehost
from rehearsal.settings import Options
from tests.path.engine import Engine, free_port, start_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    running = start_engine(tmp_path / "engine")
    yield running
    running.end()


def provision(url: str, token: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "rehearsal.provisioning", "--url", url, "--token-file", str(token)]
    argv += ["--sink-url", "http://sink.internal:8085", "--service-sees", "http://engine:9000", "--folder", str(folder)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_a_fresh_sentry_is_made_ready_and_a_second_run_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    token = engine.data_dir / "token"
    first = provision(engine.url, token, tmp_path)
    assert first.returncode == 0, first.stderr
    dsn = (tmp_path / "SENTRY_DSN").read_text()
    project = engine.project()
    assert dsn == f"http://{project.key}@engine:9000/{project.id}"
    secrets = json.loads((tmp_path / "sink-secrets.json").read_text())
    channels = {action.target for alert in load_rules(Options().rules).alerts for action in alert.actions}
    assert set(secrets) == channels
    assert all(secrets.values())
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("SENTRY_DSN", "sink-secrets.json")} == {0o600}
    second = provision(engine.url, token, tmp_path)
    assert second.stderr == "project isl ready, 0 monitors and alerts changed\n"
    assert (tmp_path / "SENTRY_DSN").read_text() == dsn
    assert json.loads((tmp_path / "sink-secrets.json").read_text()) == secrets  # shown once, and kept


def test_a_wrong_token_and_a_sentry_that_is_not_there_are_told_apart(engine: Engine, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("sntryu_wrong")
    refused = provision(engine.url, token, tmp_path)
    assert (refused.returncode, "check SENTRY_AUTH_TOKEN" in refused.stderr) == (3, True)
    absent = provision(f"http://127.0.0.1:{free_port()}", token, tmp_path)
    assert (absent.returncode, "no connection; is Sentry running" in absent.stderr) == (3, True)
    assert not (tmp_path / "SENTRY_DSN").exists()


def test_a_dsn_is_moved_to_where_the_service_sees_it() -> None:
    assert rehost("http://key@127.0.0.1:9000/2", "https://nginx") == "https://key@nginx/2"
