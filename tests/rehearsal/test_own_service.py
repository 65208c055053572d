"""A service that is not ours, in another language, without an SDK: it needs a DSN, URLs and a plan."""

import json
import shutil
from pathlib import Path

import pytest

from tests.path.engine import free_port
from tests.rehearsal.runs import DEADLINE_S, left_running, run

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(DEADLINE_S + 20)]
NODE = Path(__file__).with_name("node")


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    return shutil.copytree(NODE, tmp_path / "shop") / "plan.yml"


def test_a_service_in_another_language_is_rehearsed_by_its_plan(tmp_path: Path, plan: Path) -> None:
    done = run("run", tmp_path, "--json", "--plan", str(plan))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert [(page["channel"], page["action"]) for page in report["pages"]] == [
        ("shop-oncall", "critical"),
        ("shop-oncall", "resolved"),
    ]
    books = report["books"]
    assert (books["is_closed"], books["probes"]) == (True, 0)
    assert books["errors"]["arrived"] == books["failed"] > 0
    assert left_running(tmp_path) == []


def test_a_hook_that_fails_ends_the_rehearsal_and_leaves_nothing(tmp_path: Path, plan: Path) -> None:
    plan.write_text(plan.read_text().replace('"failing": 0.3}', '"failing": '))  # the service breaks on it
    done = run("run", tmp_path, "--plan", str(plan))
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "begin of hook no-stock: POST http://127.0.0.1:" in done.stderr
    assert left_running(tmp_path) == []


def test_a_program_that_is_not_there_is_named(tmp_path: Path, plan: Path) -> None:
    plan.write_text(plan.read_text().replace("node server.js", "no-such-program server.js"))
    done = run("run", tmp_path, "--plan", str(plan))
    assert done.returncode == 3
    assert "service cannot be started" in done.stderr
    assert "no-such-program" in done.stderr
    assert left_running(tmp_path) == []


def test_a_service_that_runs_elsewhere_is_given_the_dsn_and_left_alone(tmp_path: Path, plan: Path) -> None:
    """Started and stopped by commands of the plan, as a compose file would be."""
    elsewhere = ELSEWHERE.format(port=free_port())
    text = plan.read_text().replace("  command: node server.js $port $dsn\n  port: 8010\n", elsewhere)
    plan.write_text(text)
    done = run("run", tmp_path, "--json", "--plan", str(plan))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["books"]["is_closed"] is True
    assert left_running(tmp_path) == []


ELSEWHERE = """\
  url: http://127.0.0.1:{port}
  start:
    command: sh -c "node server.js {port} $dsn >log 2>&1 & echo $$! > pid"
  stop:
    command: sh -c 'kill "$$(cat pid)"'
"""
