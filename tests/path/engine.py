"""A shared harness: the engine as a real process on a free loopback port, and what its web API is asked."""

import hashlib
import hmac
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0  # for anything that is awaited; a loaded machine takes some seconds to start a process
HOUR_S = 3600
FramedItem = tuple[str, object] | tuple[str, object, dict[str, Any]]
ORGANIZATION = "/organizations/sentry"
PLAIN = ("embedded",)  # the engine without the rehearsal's pages


def await_true(what: str, ready: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Poll until `ready`, or fail saying what was awaited."""
    deadline = time.monotonic() + deadline_s
    while not ready():
        assert time.monotonic() < deadline, f"waited {deadline_s:g} s for {what}"
        time.sleep(0.02)


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Engine:
    """A running engine, and a client of its web API."""

    process: subprocess.Popen[bytes]
    url: str
    data_dir: Path
    client: httpx.Client

    def call(self, method: str, path: str, body: object = None, **query: object) -> httpx.Response:
        """Ask the web API; `path` starts after /api/0."""
        token = (self.data_dir / "token").read_text()
        return self.client.request(
            method,
            f"{self.url}/api/0{path}",
            content=None if body is None else orjson.dumps(body),
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            params={name: value for name, value in query.items() if value is not None},  # type: ignore[misc]
        )

    def ask(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """Ask the web API for what must succeed, and return its JSON."""
        answer = self.call(method, path, body, **query)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def project(self, slug: str = "isl") -> "Project":
        """Make a project, or find it again, and return it with its key."""
        found = [each for each in self.ask("GET", f"{ORGANIZATION}/projects/") if each["slug"] == slug]
        made = found[0] if found else self.ask("POST", "/teams/sentry/sentry/projects/", {"name": slug, "slug": slug})
        [key] = self.ask("GET", f"/projects/sentry/{slug}/keys/")
        return Project(self, int(made["id"]), slug, key["public"], key["dsn"]["public"])

    def kill(self) -> None:
        """Kill -9, as a machine would."""
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def end(self) -> int:
        """Stop it by SIGTERM if it still runs, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self.client.close()
        return self.process.returncode

    def is_up(self) -> bool:
        """Tell if it answers; fail at once if the process has ended."""
        assert self.process.poll() is None, (self.data_dir / "log").read_text()
        try:
            return self.client.get(f"{self.url}/_health/").is_success
        except httpx.TransportError:
            return False


@dataclass
class Project:
    """A project of an engine, as its clients see it."""

    engine: Engine
    id: int
    slug: str
    key: str
    dsn: str

    def post(self, body: bytes, headers: dict[str, str] | None = None, query: str = "") -> httpx.Response:
        """Post an envelope as given; without headers of its own, authorised by the key."""
        auth = {"x-sentry-auth": f"Sentry sentry_key={self.key}, sentry_version=7"}
        return self.engine.client.post(
            f"{self.engine.url}/api/{self.id}/envelope/{query}",
            content=body,
            headers=auth if headers is None else headers,
        )

    def send(self, *items: FramedItem) -> str:
        """Post (type, payload) items in one envelope, which must be taken, and return the answered id."""
        answer = self.post(envelope(*items))
        assert answer.status_code == 200, answer.text
        return str(answer.json().get("id", ""))

    def outcomes(self) -> dict[tuple[str, str, str], int]:
        """The books: (category, outcome, reason) -> quantity."""
        query = {"groupBy": ["category", "outcome", "reason"], "field": "sum(quantity)", "project": self.id}
        answer = self.engine.ask("GET", f"{ORGANIZATION}/stats_v2/", **query)
        return {
            (group["by"]["category"], group["by"]["outcome"], group["by"]["reason"]): group["totals"]["sum(quantity)"]
            for group in answer["groups"]
        }

    def search(self, dataset: str, *fields: str, **query: object) -> list[dict[str, Any]]:
        """All rows of the fields, page by page."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = "0:0:0"
        while cursor:
            page = self.engine.call(
                "GET",
                f"{ORGANIZATION}/events/",
                dataset=dataset,
                field=list(fields),
                project=self.slug,
                cursor=cursor,
                **query,
            )
            assert page.is_success, page.text
            rows += page.json()["data"]
            following = page.links["next"]
            cursor = following["cursor"] if following["results"] == "true" else None
        return rows

    def detector(self, kind: str = "error") -> int:
        """The id of one of the project's default monitors."""
        found = self.engine.ask("GET", f"{ORGANIZATION}/detectors/", project=self.slug, query=f"type:{kind}")
        return int(found[0]["id"])


Start = Callable[..., Engine]


def starting(data_dir: Path, ahead_s: float = 0, module: Sequence[str] = PLAIN) -> Iterator[Start]:
    """Body of a fixture: start engines on this data directory; at the end, stop those that still run."""
    started: list[Engine] = []

    def run(speed: float = 1, **settings: str) -> Engine:
        started.append(start_engine(data_dir, speed, ahead_s, module, **settings))
        return started[-1]

    try:
        yield run
    finally:  # also when what was told to them has failed: else they, and this process, never end
        for engine in started:
            engine.end()


def early_in_an_hour() -> float:
    """How many seconds a clock must be ahead to show a minute past the next full hour.

    Limits count in windows that begin at full hours, days and billing cycles, all in UTC: a test whose engine's clock
    starts there has most of an hour before any of them ends.
    """
    return HOUR_S - time.time() % HOUR_S + 60  # noqa: TID251 - the engine is a process with a clock of its own


def start_engine(
    data_dir: Path, speed: float = 1, ahead_s: float = 0, module: Sequence[str] = PLAIN, **settings: str
) -> Engine:
    """Start an engine on a data directory, new or used, with further EMBEDDED_* settings; return once it answers.

    Its clock is ahead of the machine's by `ahead_s`; else `module` says which program it is, with its arguments.
    """
    data_dir.mkdir(exist_ok=True, parents=True)
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EMBEDDED_")}
    own = {"EMBEDDED_PORT": str(port), "EMBEDDED_DATA_DIR": str(data_dir), "EMBEDDED_SPEED": str(speed)}
    own |= {f"EMBEDDED_{name.upper()}": value for name, value in settings.items()}
    module = ["tests.path.shifted", str(ahead_s)] if ahead_s else module
    with (data_dir / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], cwd=ROOT, env=inherited | own, stdout=log, stderr=subprocess.STDOUT
        )
    client = httpx.Client(timeout=DEADLINE_S, trust_env=False)
    engine = Engine(process, f"http://127.0.0.1:{port}", data_dir, client)
    await_true("the engine to answer /_health/", engine.is_up)
    return engine


def envelope(*items: FramedItem, **headers: object) -> bytes:
    """Frame (type, payload) or (type, payload, header) items; a payload that is not bytes is written as JSON."""
    lines = [orjson.dumps(headers)]
    for kind, payload, *extra in items:
        content = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        own: dict[str, Any] = {"type": kind, "length": len(content)}
        lines += [orjson.dumps(own | (extra[0] if extra else {})), content]
    return b"\n".join(lines) + b"\n"


def transaction(*, failed: bool = False, duration_ms: float = 20, **fields: object) -> dict[str, Any]:
    """A transaction that has just ended."""
    now = datetime.now(UTC)  # noqa: TID251 - the engine is a process with the machine's clock
    return {
        "type": "transaction",
        "event_id": uuid4().hex,
        "transaction": "/api/validate",
        "transaction_info": {"source": "route"},
        "start_timestamp": (now - timedelta(milliseconds=duration_ms)).isoformat(),
        "timestamp": now.isoformat(),
        "environment": "test",
        "contexts": {
            "trace": {
                "trace_id": uuid4().hex,
                "span_id": uuid4().hex[:16],
                "op": "http.server",
                "status": "internal_error" if failed else "ok",
            }
        },
        "spans": [],
    } | fields


def error(kind: str = "ValueError", **fields: object) -> dict[str, Any]:
    """An error event of just now; those of one kind are one issue."""
    frame = {"module": "service.api", "function": f"raise_{kind}", "lineno": 1, "in_app": True}
    return {
        "event_id": uuid4().hex,
        "timestamp": datetime.now(UTC).isoformat(),  # noqa: TID251 - as above
        "level": "error",
        "environment": "test",
        "exception": {"values": [{"type": kind, "value": "it broke", "stacktrace": {"frames": [frame]}}]},
    } | fields


@dataclass
class Receiver:
    """Whom alerts notify: keeps (headers, body as sent), and can be told to refuse."""

    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)  # of the answer
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where webhooks go."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def bodies(self, resource: str) -> list[dict[str, Any]]:
        """The bodies of one resource (`metric_alert`, `event_alert`) that were acknowledged, in order of arrival."""
        return [
            orjson.loads(body) for headers, body in list(self.received) if headers["sentry-hook-resource"] == resource
        ]

    def is_signed(self, secret: str) -> bool:
        """Is every body signed under the client secret?"""
        return all(
            hmac.compare_digest(
                headers["sentry-hook-signature"], hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            )
            for headers, body in list(self.received)
        )


def receiving() -> Iterator[Receiver]:
    """Body of a fixture: a receiver on a free loopback port."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = kept.status
            if status == 200:
                kept.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            for name, value in kept.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Be silent."""

    kept.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.server.daemon_threads = True
    thread = threading.Thread(target=kept.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield kept
    finally:
        kept.server.shutdown()
        kept.server.server_close()
        thread.join()


def alert_app(engine: Engine, receiver: Receiver) -> tuple[int, str]:
    """Make an integration that points at the receiver; return its id and client secret."""
    made = engine.ask(
        "POST",
        "/sentry-apps/",
        {"name": "sink", "organization": "sentry", "isInternal": True, "webhookUrl": receiver.url},
    )
    actions = engine.ask("GET", f"{ORGANIZATION}/available-actions/")
    [action] = [each for each in actions if each["type"] == "sentry_app"]
    return int(action["sentryApp"]["id"]), made["clientSecret"]


def workflow_body(app_id: int, detector_ids: list[int], *triggers: str, **changes: object) -> dict[str, Any]:
    """The body of an alert that notifies the integration."""
    action = {"type": "sentry_app", "config": {"targetType": "sentry_app", "targetIdentifier": str(app_id)}}
    return {
        "name": "page the on-call",
        "detectorIds": detector_ids,
        "triggers": {
            "logicType": "any-short",
            "conditions": [{"type": kind, "comparison": True, "conditionResult": True} for kind in triggers],
        },
        "actionFilters": [{"logicType": "all", "conditions": [], "actions": [action]}],
    } | changes


def detector_body(**changes: object) -> dict[str, Any]:
    """The body of a monitor: failure rate over five minutes, more than 5 %."""
    return {
        "name": "failure rate",
        "type": "metric_issue",
        "dataSources": [
            {
                "queryType": 1,
                "dataset": "events_analytics_platform",
                "query": "is_transaction:true",
                "aggregate": "failure_rate()",
                "timeWindow": 300,
                "environment": None,
                "eventTypes": ["trace_item_span"],
            }
        ],
        "conditionGroup": {
            "logicType": "any",
            "conditions": [
                {"type": "gt", "comparison": 0.05, "conditionResult": 75},
                {"type": "lte", "comparison": 0.05, "conditionResult": 0},
            ],
        },
        "config": {"detectionType": "static"},
    } | changes
