"""What a rehearsal needs running: engine, sink, service and load, each a process, all under one run folder."""

import secrets
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx

from loadtest.ledger import NO_ANSWER, PROBE, Entry, Ledger, LedgerWriter, answered, unanswered
from monitors.client import SentryClient
from monitors.model import RuleSet
from monitors.plan import apply_plan, make_plan
from monitors.provision import ensure_app, ensure_project
from rehearsal.clock import now
from rehearsal.disturbance import Fault
from rehearsal.interrupts import shielded
from rehearsal.load import load_argv, load_environ
from rehearsal.ports import HOST, hold_port
from rehearsal.processes import Child, mark, start, stop, tail, wait_until
from rehearsal.progress import Progress
from rehearsal.settings import PORTS, ROOT, Options
from rehearsal.statefile import read_json, write_json, write_text
from service.fault_registry import FAULTS

ORGANIZATION: Final = "sentry"
TEAM: Final = "sentry"
PROJECT: Final = "isl"
ENVIRONMENT: Final = "staging"  # of the service
START_DEADLINE: Final = timedelta(seconds=60)
PROBE_TIMEOUT_S: Final = 2.0
API_TIMEOUT_S: Final = 5.0  # the engine is on this machine: longer means that it hangs
TAP_BYTES: Final = 1024**3  # ten times what the drills of this project send
CANARY_CHANNEL: Final = "rehearsal-canary"
# The rehearsal is about alerts, not about limits; a load at the service's own default would be refused.
RATE_LIMIT: Final = "1000000/minute"
KEY_BYTES: Final = 24
PROCESSES: Final = "processes.json"  # in the stack's folder: what was started, for whoever has to stop it


class Stack:
    """Starts the parts in order and stops them in reverse; `stop` may be called at any time, more than once."""

    def __init__(self, options: Options, folder: Path, *, outlives_us: bool = False, is_tapped: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.options = options
        self._outlives_us = outlives_us
        self._is_tapped = is_tapped
        self.folder = folder
        self.ledger_file = folder / "ledger.jsonl"
        self.ledger = Ledger(self.ledger_file)
        self.pages = folder / "pages.jsonl"
        self.engine_data = folder / "engine"
        self.logs = folder / "logs"
        self.faults = folder / "faults.json"
        self.service_key = folder / "service-key"
        self._children: list[Child] = []
        self._ports = {name: hold_port(port) for name, port in PORTS.items()}
        self.urls = {name: f"http://{HOST}:{port.number}" for name, port in self._ports.items()}
        self.token = ""
        self.dsn = ""
        self.project_id = 0

    def start_engine(self) -> None:
        """Start the embedded engine, and read the token that it makes on its first start."""
        environ = {
            "EMBEDDED_PORT": self._port("sentry"),
            "EMBEDDED_DATA_DIR": str(self.engine_data),
            "EMBEDDED_SPEED": str(self.options.speed),
            "EMBEDDED_TAP_BYTES": str(TAP_BYTES if self._is_tapped else 0),
        }
        engine = self._start("engine", ["-m", "embedded"], environ, "sentry")
        wait_until("the engine", lambda: _answers(f"{self.urls['sentry']}/_health/"), engine, START_DEADLINE)
        self.token = (self.engine_data / "token").read_text().strip()

    def start_sink(self) -> None:
        """Start the receiver of notifications."""
        argv = ["-m", "rehearsal.sink", "--port", self._port("sink"), "--mail-port", self._port("mail")]
        files = ["--file", str(self.pages), "--secrets", str(self._secrets)]
        sink = self._start("sink", [*argv, *files], {}, "sink", "mail")
        wait_until("the sink", lambda: _answers(f"{self.urls['sink']}/health"), sink, START_DEADLINE)

    def client(self) -> SentryClient:
        """A client of the engine's web API; the caller closes it."""
        return SentryClient(self.urls["sentry"], self.token, ORGANIZATION, timeout_s=API_TIMEOUT_S)

    def provision(self, rules: RuleSet) -> int:
        """Make the project, one integration per channel, the monitors and the alerts; return how many were made."""
        channels = {each.target for alert in rules.alerts for each in alert.actions if each.kind == "sentry_app"}
        with self.client() as client:
            project = ensure_project(client, TEAM, PROJECT)
            made = {name: ensure_app(client, name, self._hook(name)) for name in sorted(channels)}
            self._keep_secrets({name: secret for name, (_, secret) in made.items() if secret})
            changes = apply_plan(make_plan(rules, client, project), client)
            self.dsn = client.project_keys(project.slug)[0].dsn
            self.project_id = project.id
        return len(changes)

    def _hook(self, channel: str) -> str:
        """Where a channel's notifications go; the canary's to the sink in any case: it is no rule."""
        given = self.options.webhook_url if channel != CANARY_CHANNEL else None
        return f"{(given or self.urls['sink']).rstrip('/')}/hooks/{channel}"

    def start_service(self) -> None:
        """Start the PLoT engine and the service under gunicorn; each probe of the service is a line in the ledger."""
        plot = self._start("plot", ["-m", "service.plot_engine", "--port", self._port("plot")], {}, "plot")
        environ = {
            "ISL_PORT": self._port("service"),
            "ISL_API_KEYS": self._make_service_key(),
            "ISL_RATE_LIMIT": RATE_LIMIT,
            "ISL_PLOT_URL": self.urls["plot"],
            "ISL_DATABASE_URL": f"sqlite:///{self.folder}/isl.db",
            "ISL_FAULTS_FILE": str(self.faults),
            "SENTRY_ENABLED": "true",
            "SENTRY_DSN": self.dsn,
            "SENTRY_ENVIRONMENT": ENVIRONMENT,
            "SENTRY_TRACES_SAMPLE_RATE": str(self.options.traces_sample_rate),
            # The SDK draws per worker who is profiled: two rehearsals of the same thing would not be the same.
            "SENTRY_PROFILES_SAMPLE_RATE": "0",
        }
        argv = ["-m", "gunicorn", "-c", str(ROOT / "service" / "gunicorn_conf.py"), "service.app:build_app()"]
        service = self._start("service", argv, environ, "service")
        wait_until("the service", self._probe, service, START_DEADLINE)
        wait_until("the PLoT engine", lambda: _answers(f"{self.urls['plot']}/health"), plot, START_DEADLINE)

    def start_load(self, limit: timedelta) -> None:
        """Start Locust; it is bounded in rate, in users and, by `limit`, in time."""
        argv = load_argv(self.urls["service"], self.options.rate, limit, self.ledger_file)
        probes = len(self.ledger.refresh())
        load = self._start("load", argv, load_environ(self.service_key))
        wait_until("the load", lambda: len(self.ledger.refresh()) > probes, load, START_DEADLINE)

    def set_fault(self, fault: Fault | None) -> None:
        """Switch a fault on, or all off; every worker sees it with its next request."""
        content = {fault.flag: {"value": fault.value, FAULTS[fault.flag].aims_at: fault.routes}} if fault else {}
        write_json(self.faults, content)

    def write_ledger(self, entry: Entry) -> None:
        """Add a line of our own, beside those of the load."""
        ledger = LedgerWriter(self.ledger_file)
        ledger.write(entry)
        ledger.close()

    def stop_part(self, name: str) -> None:
        """Stop one part; the service flushes its telemetry before it ends."""
        with shielded():
            self._stop([child for child in self._children if child.name == name])

    def stop(self) -> None:
        """Stop all parts, last started first; a signal meanwhile makes it hurry and is raised at the end."""
        with shielded():
            self._stop(self._children[::-1])
            for port in self._ports.values():
                port.release()
            self._ports.clear()

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            stop(child)
            self._children.remove(child)
            self._keep_marks()

    def dead(self) -> list[str]:
        """Parts that ended although nobody stopped them: each with its exit code and the end of its log."""
        ended = [child for child in self._children if not child.is_running]
        return [f"{each.name} ended with code {each.process.returncode}:\n{tail(each)}" for each in ended]

    @property
    def _secrets(self) -> Path:
        return self.folder / "sink-secrets.json"

    def _keep_secrets(self, new: dict[str, str]) -> None:
        """Sentry shows a secret once: those of an earlier start are kept."""
        write_json(self._secrets, read_json(self._secrets) | new)

    def _make_service_key(self) -> str:
        """The key that the service takes: one per folder, so that it stays the same from `up` to `up`."""
        if not self.service_key.exists():
            write_text(self.service_key, secrets.token_urlsafe(KEY_BYTES))
        return self.service_key.read_text()

    def _port(self, part: str) -> str:
        return str(self._ports[part].number)

    def _start(self, name: str, argv: list[str], environ: dict[str, str], *listens: str) -> Child:
        """Start a part, and leave a mark of it before anything can interrupt us."""
        held = tuple(self._ports[name].lock for name in listens)
        log = self.logs / f"{name}.log"
        with shielded():
            child = start(name, argv, environ, log, outlives_us=self._outlives_us, held=held)
            self._children.append(child)
            self._keep_marks()
        return child

    def _keep_marks(self) -> None:
        write_json(self.folder / PROCESSES, {"processes": [asdict(mark(child)) for child in self._children]})

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
        self.write_ledger(answered(entry, (now() - sent_at) / timedelta(milliseconds=1), status, None))
        return status == httpx.codes.OK


def start_parts(stack: Stack, rules: RuleSet, progress: Progress) -> None:
    """Start all but the load, in the order in which each needs the one before, with the rules applied."""
    stack.set_fault(None)
    progress.show("starting the embedded engine")
    stack.start_engine()
    progress.show("starting the notification sink")
    stack.start_sink()
    progress.say(f"engine at {stack.urls['sentry']}, sink at {stack.urls['sink']}")
    made = stack.provision(rules)
    progress.say(f"{made} monitors and alerts applied through the web API")
    progress.show("starting the PLoT engine and the service under gunicorn")
    stack.start_service()
    progress.say(f"service at {stack.urls['service']}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=PROBE_TIMEOUT_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False
