"""A shared harness: the service as a real process, and a Sentry on a real socket that keeps what it gets."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.path.engine import DEADLINE_S

# The service with bugs added, and with work that can be made to last, since it has no endpoint for either.
PROBE = """
import logging
import os
import time

import sentry_sdk
from fastapi import Request
from sentry_sdk.scope import add_global_event_processor
from starlette.exceptions import HTTPException

from service import event_hooks
from service.app import build_app as build
from service.cross_check import check
from service.pool import Pool
from service.scrubbing import one_pass


def fail(event):
    raise RuntimeError("tell-tale")


def build_app():
    if "PROBE_BROKEN_SCRUBBER" in os.environ:
        event_hooks.scrub_event = one_pass.scrub_event = fail
    app = build()
    if "PROBE_NO_TRANSACTIONS" in os.environ:
        add_global_event_processor(lambda event, hint: None if event.get("type") == "transaction" else event)
    if "PROBE_NO_SENDING" in os.environ:
        sentry_sdk.get_client().transport.capture_envelope = lambda envelope: None
    check.LIMIT_S = float(os.environ.get("PROBE_Y0_LIMIT_S", check.LIMIT_S))
    if "PROBE_THREADS" in os.environ:
        app.state.pool = Pool(running=int(os.environ["PROBE_THREADS"]), waiting=0)

    @app.get("/busy/{seconds}")
    async def busy(seconds: float, request: Request, limit_s: float = 60):
        def work(checkpoint):
            print("busy", flush=True)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                checkpoint()
                sum(range(1000))

        await request.app.state.pool.run(work, limit_s)

    @app.get("/leak/{kind}")
    def leak(kind: str):
        password = "-".join(["tell", "tale"])  # not in one piece in the source, whose lines are sent
        sentry_sdk.set_user({"email": f"jane@{password}.org", "id": password})
        sentry_sdk.set_tag("note", f"password={password}")
        sentry_sdk.get_isolation_scope().add_attachment(password.encode(), "a.txt", add_to_transactions=True)
        sentry_sdk.set_context("odd", {"a": [{"X-Auth-Token": password}], "b": f"Bearer {password}"})
        sentry_sdk.set_extra("card", f"postgres://isl:{password}@db/isl")
        sentry_sdk.add_breadcrumb(message=f"api_key: {password}", data={"cookie": password})
        logging.getLogger("probe").warning("asked by %s", password, extra={"by": password})
        with sentry_sdk.start_span(op="db", name=f"SELECT '{password}'") as span:
            span.set_data("db.password", password)
        try:
            {}[password]
        except KeyError:
            raise ValueError(f"refused '{password}' from https://isl:{password}@h/p?x={password}")
        # The lines after the one that raises are sent too, and must not be those of another bug.
        #
        #
        #

    @app.get("/deep")
    def deep(depth: int = 0):
        return deep(depth + 1)

    @app.get("/talkative")
    def talkative():
        for number in range(200):
            logging.getLogger("probe").info(f"step {number} of a long way that {os.urandom(20).hex()}")
        raise ValueError(os.urandom(100_000).hex())

    @app.get("/logged")
    def logged():
        try:
            raise ZeroDivisionError("logged")
        except ZeroDivisionError as error:
            logging.getLogger("probe").exception("about to be raised: %s", error)
            raise

    @app.get("/wrapped")
    def wrapped():
        try:
            raise ZeroDivisionError("wrapped")
        except ZeroDivisionError as error:
            logging.getLogger("probe").error("about to be wrapped", exc_info=True)
            raise HTTPException(503) from error

    @app.get("/bug/{kind}")
    def bug(kind: str):
        tell_tale_local = "tell-tale-local"
        raise ZeroDivisionError(kind)

    return app
"""


@dataclass
class Receiver:
    """A Sentry that keeps what it gets: (item type, payload as sent, payload parsed), and each envelope's header."""

    headers: list[dict[str, Any]] = field(default_factory=list)
    envelopes: list[bytes] = field(default_factory=list)  # decoded
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
        first, _, rest = envelope.partition(b"\n")
        self.headers.append(json.loads(first))
        self.envelopes.append(envelope)
        while rest.strip():
            head, _, rest = rest.partition(b"\n")
            header = json.loads(head)
            size = header.get("length", len(rest.partition(b"\n")[0]))
            raw, rest = rest[:size].decode(), rest[size:].removeprefix(b"\n")
            self.items.append((header["type"], raw, json.loads(raw)))


TLS = ssl.create_default_context()  # unused, and otherwise read again, with all its certificates, for every request


@dataclass
class Service:
    """A running service process of ours."""

    process: subprocess.Popen[bytes]
    url: str
    faults: Path
    log: Path  # a file and no pipe: nobody reads while the service writes, and a full pipe would stop it

    def send(self, path: str, body: object = None, method: str | None = None, **headers: str) -> httpx.Response:
        """POST `body`, or GET without one, unless told otherwise."""
        method = method or ("GET" if body is None else "POST")
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=DEADLINE_S, verify=TLS)

    def set_faults(self, document: object) -> None:
        """Replace the faults file atomically."""
        beside = self.faults.with_suffix(".new")
        beside.write_text(json.dumps(document))
        beside.replace(self.faults)

    def starts(self) -> int:
        """Count the server processes started so far: workers, and those that followed recycled ones."""
        return self.log.read_text().count("Started server process")

    def terminate(self) -> str:
        """Send SIGTERM, await the end and return the log."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE_S)
        return self.log.read_text()

    def end(self) -> None:
        """Make sure that it is gone, by force if SIGTERM does not do."""
        try:
            if self.process.poll() is None:
                self.terminate()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def is_up(self) -> bool:
        """Tell if it answers; fail at once if the process has ended."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.send("/health").status_code == 200
        except httpx.TransportError:
            return False


Start = Callable[..., Service]


GUNICORN = ["-m", "gunicorn", "-c", "service/gunicorn_conf.py"]
# Every way in which the service is run; the number of workers is a setting, ISL_WORKERS.
SERVERS = {
    "uvicorn": ["-m", "uvicorn", "--factory", "--no-access-log", "--port"],
    "gunicorn": GUNICORN,
    "gunicorn --preload": [*GUNICORN, "--preload"],
    "gunicorn --max-requests": [*GUNICORN, "--max-requests", "15", "--max-requests-jitter", "5"],
}


def command(server: str, port: int) -> list[str]:
    """Build the command line that serves the probe."""
    target = [str(port), "probe:build_app"] if server == "uvicorn" else ["probe:build_app()"]
    return [sys.executable, *SERVERS[server], *target]


def environ(tmp_path: Path, port: int, extra: dict[str, str]) -> dict[str, str]:
    """Build the environment: this one without anything that the service reads, then what the test sets."""
    (tmp_path / "probe.py").write_text(PROBE)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SENTRY_", "ISL_"))}
    own = {
        "ISL_PORT": str(port),
        "ISL_FAULTS_FILE": str(tmp_path / "faults.json"),
        "ISL_DATABASE_URL": f"sqlite:///{tmp_path}/isl.db",
        "ISL_AUTH_DISABLED": "true",
        "ISL_RATE_LIMIT": "100000/minute",
        "ISL_PLOT_URL": "http://127.0.0.1:9",  # nobody; a test that wants PLoT starts one
        "PYTHONPATH": str(tmp_path),
    }
    return {**inherited, **own, **extra}


def sentry(receiver: Receiver, **extra: str) -> dict[str, str]:
    """Switch Sentry on; without the profiler, which costs time and says nothing about most tests."""
    return {
        "SENTRY_ENABLED": "true",
        "SENTRY_DSN": receiver.dsn,
        "SENTRY_PROFILES_SAMPLE_RATE": "0",
        "ISL_GIT_SHA": "0123456789abcdef",
        **extra,
    }
