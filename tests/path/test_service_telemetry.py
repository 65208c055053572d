"""The service as it is run, the real SDK in it, and what arrives on a real socket."""

import gzip
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0  # for anything that is awaited; a loaded machine starts two workers in some seconds
VALIDATE = "/api/v1/causal/validate"
DAG = {"nodes": ["tell_tale_z", "x", "y"], "edges": [["tell_tale_z", "x"], ["tell_tale_z", "y"], ["x", "y"]]}
VALID = {"dag": DAG, "treatment": "x", "outcome": "y"}
# The service with one bug added, since it has no endpoint that fails on its own.
PROBE = """
from service.app import build_app as build


def build_app():
    app = build()

    @app.get("/bug/{kind}")
    def bug(kind: str):
        tell_tale_local = "tell-tale-local"
        raise ZeroDivisionError(kind)

    return app
"""


def await_true(what: str, ready: Callable[[], bool]) -> None:
    """Poll until `ready`, or fail saying what was awaited."""
    deadline = time.monotonic() + DEADLINE_S
    while not ready():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:g} s for {what}"
        time.sleep(0.02)


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Receiver:
    """A Sentry that keeps what it gets: (item type, payload as sent, payload parsed)."""

    items: list[tuple[str, str, Any]] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    @property
    def dsn(self) -> str:
        """The address that the SDK is given."""
        assert self.server is not None
        return f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{self.server.server_port}/1"

    def of_type(self, kind: str) -> list[Any]:
        """List the payloads of one type, in order of arrival."""
        return [payload for each, _, payload in list(self.items) if each == kind]

    def discarded(self) -> list[dict[str, Any]]:
        """List what the SDK says that it did not send: reason, category, quantity."""
        return [each for report in self.of_type("client_report") for each in report["discarded_events"]]

    def text(self) -> str:
        """Everything that arrived, as sent."""
        return "\n".join(raw for _, raw, _ in list(self.items))

    def keep(self, envelope: bytes) -> None:
        """Split an envelope into its items, by length where given, else by line."""
        rest = envelope.partition(b"\n")[2]
        while rest.strip():
            head, _, rest = rest.partition(b"\n")
            header = json.loads(head)
            size = header.get("length", len(rest.partition(b"\n")[0]))
            raw, rest = rest[:size].decode(), rest[size:].removeprefix(b"\n")
            self.items.append((header["type"], raw, json.loads(raw)))


# The SDK takes brotli where it is installed; the package ships no types, hence the import by name.
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": importlib.import_module("brotli").decompress,
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free loopback port, for one test."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.keep(DECODERS.get(self.headers.get("Content-Encoding", ""), bytes)(body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Be silent."""

    kept.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.server.daemon_threads = True
    thread = threading.Thread(target=kept.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield kept
    kept.server.shutdown()
    kept.server.server_close()
    thread.join()


@dataclass
class Service:
    """A running service process of ours."""

    process: subprocess.Popen[str]
    url: str
    faults: Path

    def send(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """POST `body`, or GET without one."""
        method = "GET" if body is None else "POST"
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=DEADLINE_S)

    def set_faults(self, document: object) -> None:
        """Replace the faults file atomically."""
        beside = self.faults.with_suffix(".new")
        beside.write_text(json.dumps(document))
        beside.replace(self.faults)

    def terminate(self) -> str:
        """Send SIGTERM, await the end and return the log."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=DEADLINE_S)[0]

    def end(self) -> None:
        """Make sure that it is gone, by force if SIGTERM does not do."""
        try:
            if self.process.poll() is None:
                self.terminate()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def is_up(self) -> bool:
        """Tell if it answers; fail at once if the process has ended."""
        assert self.process.poll() is None, self.process.communicate()[0]
        try:
            return self.send("/health").status_code == 200
        except httpx.TransportError:
            return False


Start = Callable[..., Service]


def _command(server: str, port: int) -> list[str]:
    if server == "gunicorn":
        return [sys.executable, "-m", "gunicorn", "-c", "service/gunicorn_conf.py", "service.app:build_app()"]
    return [sys.executable, "-m", "uvicorn", "--factory", "probe:build_app", "--port", str(port), "--no-access-log"]


def _environ(tmp_path: Path, port: int, extra: dict[str, str]) -> dict[str, str]:
    """Build the environment: this one without anything that the service reads, then what the test sets."""
    (tmp_path / "probe.py").write_text(PROBE)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SENTRY_", "ISL_"))}
    own = {"ISL_PORT": str(port), "ISL_FAULTS_FILE": str(tmp_path / "faults.json"), "PYTHONPATH": str(tmp_path)}
    return {**inherited, **own, **extra}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start service processes; at the end, kill those that still run, each by its own handle."""
    started: list[Service] = []

    def run(server: str = "uvicorn", **extra: str) -> Service:
        port = free_port()
        process = subprocess.Popen(
            _command(server, port),
            cwd=ROOT,
            env=_environ(tmp_path, port, extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        service = Service(process, f"http://127.0.0.1:{port}", tmp_path / "faults.json")
        started.append(service)
        await_true("the service to answer /health", service.is_up)
        return service

    yield run
    for service in started:
        service.end()


def _sentry(receiver: Receiver, **extra: str) -> dict[str, str]:
    return {"SENTRY_ENABLED": "true", "SENTRY_DSN": receiver.dsn, "ISL_GIT_SHA": "0123456789abcdef", **extra}


def test_injected_failure_is_one_event_with_all_that_a_person_needs(start: Start, receiver: Receiver) -> None:
    service = start(**_sentry(receiver))
    service.set_faults({"error_rate": {"value": 1, "routes": ["/api/v1/causal/validate"]}})
    sent = {"X-Request-Id": "req_00000000000000aa", "X-Auth-Token": "tell-tale-token"}
    response = service.send(f"{VALIDATE}?q=tell-tale-query", VALID, **sent)
    assert (response.status_code, response.json()["code"]) == (500, "ISL_COMPUTATION_ERROR")
    assert response.headers["X-Request-Id"] == response.json()["request_id"] == "req_00000000000000aa"
    log = service.terminate()

    [event] = receiver.of_type("event")
    expected = {
        "request_id": "req_00000000000000aa",
        "error_code": "ISL_COMPUTATION_ERROR",
        "retryable": "true",
        "service": "isl",
        "source": "isl",
        "computation_type": "identify",
    }
    assert {name: event["tags"].get(name) for name in expected} == expected
    assert event["fingerprint"] == ["ISL_COMPUTATION_ERROR"]
    assert event["contexts"]["error_schema"] == {"code": "ISL_COMPUTATION_ERROR", "source": "isl", "retryable": True}
    assert event["contexts"]["dag"] == {"node_count": 3, "edge_count": 3, "treatment": "x", "outcome": "y"}
    assert {"flag": "error_rate", "result": True} in event["contexts"]["flags"]["values"]
    assert event["exception"]["values"][-1]["mechanism"]["handled"] is True
    assert (event["environment"], event["transaction"]) == ("development", VALIDATE)
    assert event["release"].startswith("isl@")
    assert event["release"].endswith("+0123456789ab")
    assert "[req_00000000000000aa] failed with ISL_COMPUTATION_ERROR" in log
    # Neither the graph, nor the locals, the query or a header of the caller's went out.
    assert "tell_tale" not in receiver.text()
    assert "tell-tale" not in receiver.text()


def test_new_code_is_an_issue_of_its_own(start: Start, receiver: Receiver) -> None:
    service = start(**_sentry(receiver))
    service.set_faults({"new_error_code": {"value": 1}})
    assert service.send(VALIDATE, VALID).json()["code"] == "ISL_MONTE_CARLO_ERROR"
    service.terminate()
    assert [event["fingerprint"] for event in receiver.of_type("event")] == [["ISL_MONTE_CARLO_ERROR"]]


def test_unhandled_errors_are_one_unhandled_event_each(start: Start, receiver: Receiver) -> None:
    service = start(**_sentry(receiver))
    responses = [service.send(f"/bug/{kind}") for kind in "abc"]
    assert [response.status_code for response in responses] == [500] * 3
    log = service.terminate()
    events = receiver.of_type("event")
    assert [event["tags"]["request_id"] for event in events] == [each.json()["request_id"] for each in responses]
    assert [event["exception"]["values"][-1]["mechanism"]["handled"] for event in events] == [False] * 3
    assert events[0]["fingerprint"] == ["{{ default }}", "ISL_COMPUTATION_ERROR"]
    assert events[0]["tags"]["error_code"] == "ISL_COMPUTATION_ERROR"
    # The source line of the bug names the local; its value in a frame would come as `vars`.
    assert '"vars"' not in receiver.text()
    assert f"[{responses[0].json()['request_id']}] Exception in ASGI application" in log
    # A second event of the same error, dropped by the SDK's dedupe, would be counted here and spoil the books.
    assert {each["reason"] for each in receiver.discarded()} <= {"sample_rate"}


def test_mistakes_of_callers_are_no_events_and_probes_no_transactions(start: Start, receiver: Receiver) -> None:
    service = start(**_sentry(receiver))
    answers = [
        service.send("/health"),
        service.send("/ready"),
        service.send("/openapi.json"),
        service.send("/nope/1"),
        service.send(VALIDATE),
        service.send(VALIDATE, {}),
        service.send(VALIDATE, VALID | {"treatment": "nobody"}),
        service.send(VALIDATE, VALID),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 405, 422, 400, 200]
    assert all(answer.headers["X-Request-Id"].startswith("req_") for answer in answers)
    service.terminate()
    assert receiver.of_type("event") == []
    transactions = receiver.of_type("transaction")
    assert [each["tags"]["request_id"] for each in transactions] == [
        answer.headers["X-Request-Id"] for answer in answers[3:]
    ]
    # A wrong method still meets a route; a path without one does not, and must not name a transaction.
    assert [each["transaction"] for each in transactions] == ["<unmatched>"] + [VALIDATE] * 4
    assert [span["op"] for span in transactions[-1]["spans"]] == ["causal.identify"]
    assert transactions[-1]["tags"]["service"] == "isl"


def test_caller_cannot_force_sampling(start: Start, receiver: Receiver) -> None:
    service = start(**_sentry(receiver, SENTRY_TRACES_SAMPLE_RATE="0"))
    header = "0123456789abcdef0123456789abcdef-0123456789abcdef-1"
    assert service.send(VALIDATE, VALID, **{"sentry-trace": header}).status_code == 200
    service.terminate()
    assert receiver.of_type("transaction") == []
    # What was sampled away is accounted for: the start-up probes and the one request.
    assert {("transaction", "sample_rate")} <= {(each["category"], each["reason"]) for each in receiver.discarded()}


def test_sigterm_under_gunicorn_loses_nothing(start: Start, receiver: Receiver) -> None:
    service = start("gunicorn", **_sentry(receiver, ISL_WORKERS="2"))
    service.set_faults({"error_rate": {"value": 0.5}})
    answers = [service.send(VALIDATE, VALID) for _ in range(60)]
    log = service.terminate()
    assert service.process.returncode == 0, log
    failed = {answer.json()["request_id"] for answer in answers if answer.status_code == 500}
    assert 0 < len(failed) < 60
    assert sorted(each["tags"]["request_id"] for each in receiver.of_type("event")) == sorted(failed)
    assert sorted(each["tags"]["request_id"] for each in receiver.of_type("transaction")) == sorted(
        answer.json()["request_id"] for answer in answers
    )
    counted = [each for payload in receiver.of_type("sessions") for each in payload["aggregates"]]
    # Sessions count every request, sampled or not, and the start-up probes with them.
    assert sum(each.get("errored", 0) for each in counted) == len(failed)
    assert sum(each.get("exited", 0) for each in counted) > 60 - len(failed)


@pytest.mark.parametrize("sentry", ["off", "down"])
def test_service_answers_the_same_without_sentry(start: Start, sentry: str) -> None:
    dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{free_port()}/1"
    service = start(SENTRY_ENABLED="true" if sentry == "down" else "false", SENTRY_DSN=dsn)
    statuses = [service.send(VALIDATE, VALID).status_code for _ in range(20)]
    service.set_faults({"error_rate": {"value": 1}})
    statuses += [service.send(VALIDATE, VALID).status_code, service.send("/bug/a").status_code]
    service.set_faults({})
    statuses += [service.send(VALIDATE, VALID).status_code, service.send("/nope").status_code]
    assert statuses == [200] * 20 + [500, 500, 200, 404]


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_wrong_rate_stops_the_start_with_the_message(tmp_path: Path, server: str) -> None:
    port = free_port()
    done = subprocess.run(
        _command(server, port),
        cwd=ROOT,
        env=_environ(tmp_path, port, {"SENTRY_TRACES_SAMPLE_RATE": "1.5"}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 2
    assert "SENTRY_TRACES_SAMPLE_RATE: found '1.5', allowed: a number from 0 to 1" in done.stderr
    assert "Traceback" not in done.stderr
