"""What a rehearsal needs running: engine, sink, service and load, each a process, all under one run folder."""

import json
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx

from loadtest.ledger import NO_ANSWER, PROBE, Ledger, LedgerWriter, answered, unanswered
from monitors.client import SentryClient
from monitors.model import RuleSet
from monitors.plan import apply_plan, make_plan
from monitors.provision import ensure_app, ensure_project
from rehearsal.clock import now
from rehearsal.drill import Fault
from rehearsal.processes import Child, Mark, mark, pick_port, start, stop, wait_until
from rehearsal.settings import PORTS, ROOT, Options

HOST: Final = "127.0.0.1"
ORGANIZATION: Final = "sentry"
TEAM: Final = "sentry"
PROJECT: Final = "isl"
START_DEADLINE: Final = timedelta(seconds=60)
PROBE_TIMEOUT_S: Final = 2.0
USERS: Final = 20  # Locust users; their weights divide it evenly
LOAD_LIMIT: Final = timedelta(minutes=30)  # Locust stops by itself, whatever becomes of us
STOP_TIMEOUT_S: Final = 10  # for requests under way when the load stops


class Stack:
    """Starts the parts in order and stops them in reverse; `stop` may be called at any time, more than once."""

    def __init__(self, options: Options, folder: Path, *, outlives_us: bool = False) -> None:
        self._options = options
        self._outlives_us = outlives_us
        self.folder = folder
        self._ledger_file = folder / "ledger.jsonl"
        self.ledger = Ledger(self._ledger_file)
        self.pages = folder / "pages.jsonl"
        self._faults = folder / "faults.json"
        self._children: list[Child] = []
        self.urls = {name: f"http://{HOST}:{pick_port(port)}" for name, port in PORTS.items()}
        self.token = ""
        self.dsn = ""
        self.project_id = 0
        folder.mkdir(parents=True, exist_ok=True)

    def start_engine(self) -> None:
        """Start the embedded engine, and read the token that it makes on its first start."""
        data = self.folder / "engine"
        environ = {
            "EMBEDDED_PORT": self._port("sentry"),
            "EMBEDDED_DATA_DIR": str(data),
            "EMBEDDED_SPEED": str(self._options.speed),
        }
        engine = self._start("engine", ["-m", "embedded"], environ)
        wait_until("the engine", lambda: _answers(f"{self.urls['sentry']}/_health/"), engine, START_DEADLINE)
        self.token = (data / "token").read_text().strip()

    def start_sink(self) -> None:
        """Start the receiver of notifications."""
        argv = ["-m", "rehearsal.sink", "--port", self._port("sink"), "--file", str(self.pages)]
        sink = self._start("sink", [*argv, "--secrets", str(self._secrets)], {})
        wait_until("the sink", lambda: _answers(f"{self.urls['sink']}/health"), sink, START_DEADLINE)

    def client(self) -> SentryClient:
        """A client of the engine's web API; the caller closes it."""
        return SentryClient(self.urls["sentry"], self.token, ORGANIZATION)

    def provision(self, rules: RuleSet) -> int:
        """Make the project, one integration per channel, the monitors and the alerts; return how many were made."""
        base = self._options.webhook_url or self.urls["sink"]
        channels = {action.app for alert in rules.alerts for action in alert.actions}
        with self.client() as client:
            project = ensure_project(client, TEAM, PROJECT)
            made = {name: ensure_app(client, name, f"{base.rstrip('/')}/hooks/{name}") for name in sorted(channels)}
            self._keep_secrets({name: secret for name, (_, secret) in made.items() if secret})
            changes = apply_plan(make_plan(rules, client, project), client)
            self.dsn = client.project_keys(project.slug)[0].dsn
            self.project_id = project.id
        return len(changes)

    def start_service(self) -> None:
        """Start the service under gunicorn; each probe that reaches it is a line in the ledger too."""
        environ = {
            "ISL_PORT": self._port("service"),
            "ISL_FAULTS_FILE": str(self._faults),
            "SENTRY_ENABLED": "true",
            "SENTRY_DSN": self.dsn,
            "SENTRY_ENVIRONMENT": "staging",
            "SENTRY_TRACES_SAMPLE_RATE": str(self._options.traces_sample_rate),
        }
        argv = ["-m", "gunicorn", "-c", str(ROOT / "service" / "gunicorn_conf.py"), "service.app:build_app()"]
        service = self._start("service", argv, environ)
        wait_until("the service", self._probe, service, START_DEADLINE)

    def start_load(self) -> None:
        """Start Locust; it is bounded in rate, in users and in time."""
        argv = ["-m", "locust", "-f", str(ROOT / "loadtest" / "locustfile.py"), "--headless", "--only-summary"]
        argv += ["--host", self.urls["service"], "--users", str(USERS), "--spawn-rate", str(USERS)]
        argv += ["--run-time", f"{LOAD_LIMIT.total_seconds():.0f}s", "--stop-timeout", str(STOP_TIMEOUT_S)]
        argv += ["--rate", str(self._options.rate), "--ledger", str(self._ledger_file)]
        probes = len(self.ledger.refresh())
        load = self._start("load", argv, {})
        wait_until("the load", lambda: len(self.ledger.refresh()) > probes, load, START_DEADLINE)

    def set_fault(self, fault: Fault | None) -> None:
        """Switch a fault on, or all off; every worker sees it with its next request."""
        content = {fault.flag: {"value": fault.value}} if fault else {}
        fresh = self._faults.with_suffix(".tmp")
        fresh.write_text(json.dumps(content))
        fresh.replace(self._faults)

    def stop_part(self, name: str) -> None:
        """Stop one part; the service flushes its telemetry before it ends."""
        for child in [child for child in self._children if child.name == name]:
            stop(child)
            self._children.remove(child)

    def stop(self) -> None:
        """Stop all parts, last started first."""
        while self._children:
            stop(self._children[-1])
            self._children.pop()

    def dead(self) -> list[str]:
        """Names of parts that ended although nobody stopped them."""
        return [child.name for child in self._children if not child.is_running]

    @property
    def _secrets(self) -> Path:
        return self.folder / "sink-secrets.json"

    def _keep_secrets(self, new: dict[str, str]) -> None:
        """Sentry shows a secret once: those of an earlier start are kept."""
        known = json.loads(self._secrets.read_text()) if self._secrets.exists() else {}
        self._secrets.touch(mode=0o600)
        self._secrets.write_text(json.dumps(known | new))

    def marks(self) -> list[Mark]:
        """What a later command needs to find the running parts."""
        return [mark(child) for child in self._children]

    def _port(self, part: str) -> str:
        return self.urls[part].rsplit(":", 1)[1]

    def _start(self, name: str, argv: list[str], environ: dict[str, str]) -> Child:
        log = self.folder / "logs" / f"{name}.log"
        child = start(name, argv, environ, log, outlives_us=self._outlives_us)
        self._children.append(child)
        return child

    def _probe(self) -> bool:
        sent_at = now()
        entry = unanswered(f"req_{secrets.token_hex(8)}", PROBE, "GET", "/ready", sent_at.timestamp())
        url, headers = f"{self.urls['service']}/ready", {"X-Request-Id": entry.request_id}
        try:
            status = httpx.get(url, headers=headers, timeout=PROBE_TIMEOUT_S, trust_env=False).status_code
        except httpx.ConnectError:
            return False  # nobody listens yet: nothing was sent
        except httpx.HTTPError:
            status = NO_ANSWER
        ledger = LedgerWriter(self._ledger_file)
        ledger.write(answered(entry, (now() - sent_at) / timedelta(milliseconds=1), status, None))
        ledger.close()
        return status == httpx.codes.OK


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=PROBE_TIMEOUT_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False
