"""The stack in real containers: requests become transactions and pages, load is shared, a killed engine returns."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from loadtest.ledger import Ledger
from rehearsal.settings import ROOT
from rehearsal.sink import read_pages
from rehearsal.statefile import write_text
from tests.stack.containers import IMAGES, Running, ask_docker, await_true, rehearse

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

OURS = ("isl", "plot", "sink", "engine")
WORKERS = 3
MOST_BYTES = 250e6  # of the service's image
REFUSED = 401


@pytest.fixture(scope="module")
def stack(docker_engine: None, var: Path) -> Iterator[Running]:  # noqa: ARG001 - asked for its skip
    """A stack with the embedded engine; taken down with its data, whatever the tests did."""
    try:
        done = rehearse("up", "--sentry", "embedded", "--json", "--var", str(var))
        assert done.returncode == 0, done.stderr
        assert "embedded Sentry, in containers, as asked" in done.stderr
        yield Running(var, json.loads(done.stdout))
    finally:
        done = rehearse("down", "--data", "--var", str(var))
        assert done.returncode == 0, done.stderr


def set_fault(stack: Running, share: float) -> None:
    """Let this share of all computations fail; the file's owner is the container's user."""
    faults = Path(stack.facts["faults"])
    write_text(faults, json.dumps({"error_rate": {"value": share}} if share else {}))
    owner = faults.parent.stat()
    os.chown(faults, owner.st_uid, owner.st_gid)


def test_a_request_becomes_a_transaction_and_an_error_a_signed_page(stack: Running) -> None:
    before = stack.count_transactions()
    answer = stack.validate()
    assert (answer.status_code, answer.json()["status"]) == (200, "identifiable")
    await_true("the transaction in the engine", lambda: stack.count_transactions() > before)
    set_fault(stack, 1.0)
    try:
        assert stack.validate().status_code >= 500
    finally:
        set_fault(stack, 0)
    pages = Path(stack.facts["pages"])
    await_true("the page at the sink", lambda: list(read_pages(pages)))
    first = next(iter(read_pages(pages)))
    assert (first.alert, first.channel, first.is_signed) == ("ISL new error code", "isl-oncall", True)


def test_bringing_it_up_again_changes_nothing(stack: Running) -> None:
    started = {service: stack.container(service)["State"]["StartedAt"] for service in OURS}
    done = rehearse("up", "--json", "--var", str(stack.var))  # what is up is kept, also without --sentry
    assert (done.returncode, json.loads(done.stdout)) == (0, stack.facts)
    assert {service: stack.container(service)["State"]["StartedAt"] for service in OURS} == started
    other = rehearse("up", "--sentry", "embedded", "--speed", "60", "--var", str(stack.var))
    assert other.returncode == 2
    assert "the containers are up with other options" in other.stderr


@pytest.mark.parametrize("service", OURS)
def test_each_part_is_held_to_little(stack: Running, service: str) -> None:
    """What took effect, asked of the kernel from inside: a key that an engine does not know is ignored in silence."""
    status = stack.compose("exec", "-T", service, "cat", "/proc/self/status")
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert not re.search(r"^Uid:\s+0\b", status, re.MULTILINE)
    probe = "import pathlib, sys\ntry: pathlib.Path('/opt/x').touch()\nexcept OSError as error: sys.exit(error.errno)"
    asked = [*f"exec {stack.project}-{service}-1 python -c".split(), probe]
    done = subprocess.run(["docker", *asked], capture_output=True, check=False)
    assert done.returncode == 30  # EROFS: the root file system cannot be written
    found = stack.container(service)
    assert found["HostConfig"]["Memory"] > 0
    published = found["NetworkSettings"]["Ports"].values()
    assert {each["HostIp"] for ports in published for each in ports or ()} <= {"127.0.0.1"}


def test_the_service_s_image_is_small_and_holds_what_the_service_needs_alone(stack: Running) -> None:
    found = json.loads(ask_docker("image", "inspect", IMAGES["STACK_SERVICE_IMAGE"]))[0]
    assert found["Size"] < MOST_BYTES
    folder = "/opt/isl/lib/python3.13/site-packages"
    held = set(stack.compose("exec", "-T", "isl", "ls", folder).split())
    assert {"service", "monitors", "numpy", "sentry_sdk"} <= held
    assert held & {"embedded", "loadtest", "rehearsal", "locust", "apsw", "scipy", "pip", "pytest"} == set()
    assert stack.compose("exec", "-T", "isl", "find", folder, "-type", "d", "-name", "tests") == ""
    stripped = "import httptools, networkx, numpy.linalg, psycopg, pydantic_core, pysqlite3, sqlalchemy.orm, uvloop"
    assert stack.compose("exec", "-T", "isl", "python", "-c", stripped) == ""


def test_the_service_runs_a_worker_for_each_cpu_it_may_use(stack: Running) -> None:
    log = stack.compose("logs", "--no-color", "isl")
    allowed = min(len(os.sched_getaffinity(0)), 2)  # STACK_ISL_CPUS
    assert log.count("Booting worker") == allowed


def test_no_secret_stands_in_the_containers_configuration_or_in_the_image(stack: Running) -> None:
    files = [each for name in ("secrets", "exchange") for each in (stack.var / "compose" / name).iterdir()]
    secrets = [text for each in files if (text := each.read_text()) and each.name != "faults.json"]
    assert len(secrets) >= 7
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    shown = "".join(json.dumps(stack.container(service)) for service in (*OURS, "provision"))
    shown += "".join(ask_docker("history", "--no-trunc", tag) + ask_docker("inspect", tag) for tag in IMAGES.values())
    assert [secret for secret in secrets if secret in shown] == []


def test_load_is_shared_out_over_as_many_workers_as_wanted(stack: Running) -> None:
    wanted = {"STACK_LOAD_WORKERS": str(WORKERS), "STACK_LOAD_SECONDS": "5", "STACK_LOAD_RATE": "20"}
    stack.compose("--profile", "load", "up", "--detach", "load-master", "load-worker", **wanted)
    await_true("the load to end", lambda: stack.container("load-master")["State"]["Status"] == "exited")
    log = stack.compose("logs", "--no-color", "load-master")
    assert f"to {WORKERS} ready workers" in log
    entries = Ledger(Path(stack.facts["ledger"])).refresh()
    assert len(entries) > 20
    assert [entry for entry in entries if entry.problem] == []
    assert stack.container("load-master")["State"]["ExitCode"] == 0


def test_a_killed_engine_comes_back_and_has_lost_nothing(stack: Running) -> None:
    for _ in range(10):
        assert stack.validate().status_code == 200
    await_true("telemetry to settle", lambda: stack.compose("ps", "--services", "--status", "running"))
    settled = settle(stack)
    killer = "import os, pathlib\nfor each in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n"
    killer += (
        " if b'rehearsal.console' in each.read_bytes() and each.parent.name != '1': os.kill(int(each.parent.name), 9)"
    )
    ask_docker("exec", f"{stack.project}-engine-1", "python", "-c", killer, check=False)
    await_true("the engine to be started again", lambda: stack.container("engine")["RestartCount"] > 0)
    await_true("the engine to be healthy", lambda: stack.container("engine")["State"]["Health"]["Status"] == "healthy")
    assert stack.count_transactions() == settled
    assert stack.validate().status_code == 200
    await_true("the next transaction in the engine", lambda: stack.count_transactions() == settled + 1)


def settle(stack: Running) -> int:
    """The number of transactions once it has stopped growing: the SDK sends in batches."""
    counts = [-1, -2]

    def is_still() -> bool:
        counts.append(stack.count_transactions())
        return len(set(counts[-10:])) == 1

    await_true("the number of transactions to stand still", is_still)
    return counts[-1]


def test_the_service_finds_all_that_it_depends_on(stack: Running) -> None:
    ready = httpx.get(f"{stack.facts['service']}/ready", timeout=30, trust_env=False)
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["checks"] == {"database": "up", "cache": "up", "plot": "up"}
    log = stack.compose("logs", "--no-color", "isl")
    assert "sqlite" not in log


def test_what_the_service_keeps_outlives_its_container_and_the_database_s(stack: Running) -> None:
    options = [{"id": "a", "mean": 2.0, "std": 1.0}, {"id": "b", "mean": 1.0, "std": 1.0}]
    body = {"decision": "price", "options": options, "chosen": "a"}
    outcomes = "/api/v1/outcomes"
    logged = stack.ask("POST", f"{outcomes}/log", body)
    assert logged.status_code == 201
    assert logged.json()["win_probability"] > 0.5  # scored by the PLoT container
    stack.compose("up", "--detach", "--wait", "--force-recreate", "isl", "postgres")
    kept = stack.ask("GET", f"{outcomes}/{logged.json()['id']}")
    assert kept.json()["decision"] == "price"


def test_storage_takes_no_one_without_the_password(stack: Running) -> None:
    assert "NOAUTH" in stack.compose("exec", "-T", "redis", "redis-cli", "ping")
    ask = ["exec", f"{stack.project}-postgres-1", "psql", "-w", "-h", "postgres", "-U", "isl", "-c", "SELECT 1"]
    done = subprocess.run(["docker", *ask], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no password supplied" in done.stderr
    ports = [stack.container(service)["HostConfig"]["PortBindings"] for service in ("postgres", "redis")]
    assert ports == [{}, {}]


def test_the_checklist_finds_the_containers_and_ticks_its_boxes(stack: Running) -> None:
    done = rehearse("checklist", "--json", "--var", str(stack.var))
    assert done.stdout, done.stderr
    checks = {each["what"]: (each["state"], each["detail"]) for each in json.loads(done.stdout)}
    assert {what: found for what, found in checks.items() if found[0] != "ok"} == {}
    assert checks["page"][1] == "on isl-oncall, by ISL new error code"


def test_the_web_api_asks_for_the_token(stack: Running) -> None:
    answer = httpx.get(f"{stack.facts['engine']}/api/0/organizations/sentry/projects/", trust_env=False)
    assert answer.status_code == REFUSED


def test_a_taken_port_ends_with_a_free_one_to_use(docker_engine: None, stack: Running, tmp_path: Path) -> None:  # noqa: ARG001
    taken = stack.facts["service"].rpartition(":")[2]
    os.environ["STACK_ISL_PORT"] = taken
    try:
        done = rehearse("up", "--sentry", "embedded", "--var", str(tmp_path))
    finally:
        del os.environ["STACK_ISL_PORT"]
    assert done.returncode == 3
    assert f"port {taken} on 127.0.0.1 is taken, needed is a free one; next: make up STACK_ISL_PORT=" in done.stderr


def test_down_keeps_the_data_and_down_with_data_leaves_nothing(docker_engine: None, tmp_path: Path) -> None:  # noqa: ARG001
    up = ("up", "--sentry", "embedded", "--json", "--var", str(tmp_path))
    try:
        first = Running(tmp_path, json.loads(rehearse(*up).stdout))
        project = first.project
        mine = ("--filter", f"label=com.docker.compose.project={project}", "--quiet")
        rehearse("down", "--var", str(tmp_path))
        assert ask_docker("ps", "--all", *mine) == ask_docker("network", "ls", *mine) == ""
        again = json.loads(rehearse(*up).stdout)
        assert key_of(again["dsn"]) == key_of(first.facts["dsn"])  # the engine kept its data
    finally:
        done = rehearse("down", "--data", "--var", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for kind in (("ps", "--all"), ("network", "ls"), ("volume", "ls")):
        assert ask_docker(*kind, *mine) == ""
    assert [each.name for each in tmp_path.iterdir()] == ["stack.lock"]
    assert rehearse("down", "--var", str(tmp_path)).stdout == "nothing was running\n"


def key_of(dsn: str) -> str:
    return dsn.partition("@")[0]


@pytest.mark.parametrize("files", [("docker-compose.yml",), ("docker-compose.yml", "docker-compose.self-hosted.yml")])
@pytest.mark.parametrize("profiles", [(), ("embedded",), ("load",), ("embedded", "load")])
def test_every_combination_of_files_and_profiles_is_valid(files: tuple[str, ...], profiles: tuple[str, ...]) -> None:
    """Needs Compose, and no engine."""
    version = ["docker", "compose", "version"]
    try:
        has_compose = subprocess.run(version, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        has_compose = False
    if not has_compose:
        pytest.skip("no Docker Compose here")
    given = [part for file in files for part in ("-f", file)] + [
        part for each in profiles for part in ("--profile", each)
    ]
    done = subprocess.run(
        ["docker", "compose", *given, "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_console_shows_the_rehearsals_of_its_host_and_cannot_change_them(stack: Running) -> None:
    run = stack.var / "runs" / "20261127T120000"
    run.mkdir()
    write_text(run / "report.json", json.dumps({"verdict": "held", "drills": []}))
    write_text(run / "report.html", "<p>the whole report</p>")
    for file in run.iterdir():
        file.chmod(0o644)  # as a rehearsal leaves its reports
    with httpx.Client(base_url=stack.facts["engine"], follow_redirects=True, trust_env=False) as browser:
        found = re.search(r'name="form_token" value="([^"]+)"', browser.get("/login").text)
        assert found
        browser.post("/login", data={"form_token": found[1], "token": Path(stack.facts["token"]).read_text()})
        assert run.name in browser.get("/rehearsals/").text
        assert "the whole report" in browser.get(f"/rehearsals/{run.name}/report.html").text
    touched = subprocess.run(
        ["docker", "exec", f"{stack.project}-engine-1", "touch", f"/run/runs/{run.name}/x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Read-only file system" in touched.stderr
