"""What a rehearsal needs running: engine, sink, service and load, each a process, all under one run folder."""

import secrets
import sys
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from string import Template
from typing import Final

from loadtest.ledger import Entry, Ledger, LedgerWriter
from monitors.client import SentryClient
from monitors.errors import MonitorsError
from monitors.model import RuleSet
from rehearsal.children import Children
from rehearsal.disturbance import Fault, HookFault, How, Shape
from rehearsal.engines.embedded import EmbeddedEngine
from rehearsal.engines.engine import Engine
from rehearsal.errors import EnvironmentMissingError
from rehearsal.faulting import Faulting
from rehearsal.hooks import fill, perform
from rehearsal.interrupts import shielded
from rehearsal.load import Load, load_argv, load_environ, load_file
from rehearsal.plan import Action, Part
from rehearsal.plan_file import load_plan
from rehearsal.ports import HOST, hold_port
from rehearsal.probing import PATIENCE_S, Prober
from rehearsal.processes import START_DEADLINE, Child, answers, wait_until
from rehearsal.provisioning import keep_secrets
from rehearsal.receivers import Sinkhole
from rehearsal.settings import PORTS, ROOT, Options
from rehearsal.statefile import write_json, write_text
from rehearsal.switch import SWITCH
from rehearsal.usage import Reading

ENVIRONMENT: Final = "staging"  # of the service
LOAD_MARGIN: Final = timedelta(minutes=1)  # of wall time, in which whoever started a load stops it
CANARY_CHANNEL: Final = "rehearsal-canary"
KEY_BYTES: Final = 24
RELEASE_BYTES: Final = 6


class Stack:
    """Starts the parts in order and stops them in reverse; `stop` may be called at any time, more than once."""

    def __init__(
        self,
        options: Options,
        folder: Path,
        *,
        remote: Engine | None = None,
        outlives_us: bool = False,
        is_tapped: bool = False,
        is_switched: bool = False,
    ) -> None:
        """Hold the ports. `remote` is a Sentry that is there already; without it the embedded engine is started.

        `is_tapped` keeps what arrives there before scrubbing; `is_switched` lets drills make it slow or refuse.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.options = options
        self.plan = load_plan(options.plan)
        self._release = secrets.token_hex(RELEASE_BYTES)
        self.folder = folder
        self.ledger_file = folder / "ledger.jsonl"
        self.ledger = Ledger(self.ledger_file)
        self.pages = folder / "pages.jsonl"
        self.faults = folder / "faults.json"
        self.service_key = folder / "service-key"
        self.logs = folder / "logs"
        self._children = Children(folder, self.logs, outlives_us=outlives_us)
        to_service = partial(self._perform, part=self.plan.service)
        self._faulting = Faulting(self.faults, self.plan.hooks, to_service)
        self._load_limit = timedelta(0)
        self.kills = 0  # of the engine
        self._begun: set[str] = set()  # parts whose `stop` is due
        started = {part.name: part.port for part in self.plan.parts if part.command}
        hosts = dict.fromkeys(PORTS | started, HOST)
        if remote:
            hosts["sink"] = remote.sink_host
            del hosts["sentry"]
        self._ports = {name: hold_port((PORTS | started)[name], host) for name, host in hosts.items()}
        self.engine = remote or self._make_engine(is_tapped=is_tapped, is_switched=is_switched)
        self.urls = {name: f"http://{hosts[name]}:{port.number}" for name, port in self._ports.items()}
        self.urls |= {part.name: part.url for part in self.plan.parts if part.url}
        self.urls["sentry"] = self.engine.url
        self._is_provisioned = False
        is_told = self.plan.probes != "ignored"
        self._prober = Prober(self.urls["service"] + self.plan.service.ready, self.ledger_file if is_told else None)
        self.dsn = ""
        self.project_id = 0

    def route(self, rules: RuleSet) -> None:
        """Lead every chat, on-call tool and mailbox that the rules name to the sink; before the engine starts."""
        sink = Sinkhole(self.urls["sink"], self._ports["mail"].number)
        keep_secrets(self._secrets, self.engine.route(rules, sink))

    def _make_engine(self, *, is_tapped: bool, is_switched: bool) -> EmbeddedEngine:
        shown = {"runs": self.options.var / "runs", "rules": self.options.rules, "faults": self.faults}
        switch = {"switch": self.folder} if is_switched else {}
        return EmbeddedEngine(
            self.folder,
            self._ports["sentry"].number,
            self.options.speed,
            shown | {"ledger": self.ledger_file} | switch,
            is_tapped=is_tapped,
        )

    def start_engine(self) -> None:
        """Start the engine, or see that it is there."""
        self.engine.start(self._start)

    def switch_engine(self, how: How | None) -> None:
        """Turn the switch; the engine looks at it with each request."""
        write_json(self.folder / SWITCH, {"how": how.value if how else None})

    def kill_engine(self) -> None:
        """End the engine by force, in the middle of whatever it does."""
        self.kills += 1
        self._children.kill("engine")

    def start_sink(self) -> None:
        """Start the receiver of notifications."""
        argv = [sys.executable, "-m", "rehearsal.sink", "--host", self.engine.sink_host, "--port", self._port("sink")]
        files = ["--mail-port", self._port("mail"), "--file", str(self.pages), "--secrets", str(self._secrets)]
        sink = self._start("sink", [*argv, *files], {}, "sink", "mail")
        wait_until("the sink", lambda: answers(f"{self.urls['sink']}/health"), sink, START_DEADLINE)

    def client(self) -> SentryClient:
        """A client of the engine's web API; the caller closes it."""
        return self.engine.client()

    def provision(self, rules: RuleSet) -> int:
        """Make the project, one integration per channel, the monitors and the alerts; return how many were made."""
        self._is_provisioned = True  # half of it, if this fails
        made = self.engine.provision(self.plan.name, rules, self._webhook, self._secrets)
        self.dsn, self.project_id = made.dsn, made.project_id
        return made.changes

    def _webhook(self, channel: str) -> str:
        """Where a channel's notifications go; the canary's to the sink in any case: it is no rule."""
        given = self.options.webhook_url if channel != CANARY_CHANNEL else None
        return f"{(given or self.urls['sink']).rstrip('/')}/hooks/{channel}"

    def start_service(self) -> None:
        """Start the plan's parts, the service last, and wait until each is there."""
        if self.plan.takes_key:
            self._make_service_key()
        started = [(part, self._start_part(part)) for part in self.plan.parts]
        for part, child in reversed(started):
            wait_until(part.name, partial(self._probe, part), child, START_DEADLINE)

    def _start_part(self, part: Part) -> Child | None:
        values = self._values(part)
        self._begun.add(part.name)
        if part.start:
            self._perform(f"start of {part.name}", part.start, part)
        if not part.command:
            return None
        environ = {name: Template(text).substitute(values) for name, text in part.environment.items()}
        argv = [Template(word).substitute(values) for word in part.command]
        return self._start(part.name, argv, environ, part.name, folder=self.plan.folder)

    def _values(self, part: Part) -> dict[str, str]:
        """What stands for the placeholders of a plan."""
        return {
            "dsn": self.dsn,
            "environment": ENVIRONMENT,
            "traces": str(self.options.traces_sample_rate),
            "port": self._port(part.name) if part.name in self._ports else "",
            "folder": str(self.folder),
            "key": self.service_key.read_text() if self.plan.takes_key else "",
            "release": self._release,
            "faults": str(self.faults),
            "python": sys.executable,
            **{f"url_{name.replace('-', '_')}": url for name, url in self.urls.items()},
        }

    def _perform(self, what: str, action: Action, part: Part) -> None:
        perform(what, fill(action, self._values(part)), self.plan.folder)

    def start_load(self, limit: timedelta) -> None:
        """Start Locust; it is bounded in rate, in users and, by `limit`, in time."""
        self._load_limit = limit
        self._start_load(Load(self.options.rate, limit))

    def resume_load(self) -> None:
        """Start the load once more, as it was."""
        self.start_load(self._load_limit)

    def shape_load(self, shape: Shape, span: timedelta) -> None:
        """Start the load so that its rate follows a shape over a span of wall time, with the usual rate as its mean."""
        self._start_load(Load(self.options.rate * shape.peak, span + LOAD_MARGIN, shape.name, shape_span=span))

    def _start_load(self, load: Load) -> None:
        argv = load_argv(self.urls["service"], load, self.ledger_file, load_file(self.plan, self.folder))
        probes = len(self.ledger.refresh())
        child = self._start("load", argv, load_environ(self.service_key) if self.plan.takes_key else {})
        wait_until("the load", lambda: len(self.ledger.refresh()) > probes, child, START_DEADLINE)

    def set_fault(self, *faults: Fault | HookFault) -> None:
        """Switch these faults on and all others off."""
        self._faulting.set(*faults)

    def limit_errors(self, limit: tuple[int, timedelta] | None) -> None:
        """Let the service's client key take so many error events in so much production time, or as many as come."""
        with self.client() as client:
            project = next(each.slug for each in client.projects() if each.id == self.project_id)
            key = next(each for each in client.project_keys(project) if each.dsn == self.dsn)
            client.limit_key(project, key.id, limit)

    def deploy(self) -> str:
        """Put another release in the service's place and return it.

        Where the plan allows two beside each other, the new one answers before the old one stops; else there is a gap.
        """
        old = self._children.named("service")
        self._release = secrets.token_hex(RELEASE_BYTES)
        if not self.plan.overlaps:
            self._children.stop(old)
        new = self._start_part(self.plan.service)
        is_there = self._names_release if self.plan.overlaps else partial(self._probe, self.plan.service)
        wait_until("the new release", is_there, new, START_DEADLINE)
        self._children.stop(old)
        return self._release

    def write_ledger(self, entry: Entry) -> None:
        """Add a line of our own, beside those of the load."""
        ledger = LedgerWriter(self.ledger_file)
        ledger.write(entry)
        ledger.close()

    def stop_part(self, name: str) -> None:
        """Stop one part; the service flushes its telemetry before it ends."""
        with shielded():
            self._children.stop(self._children.named(name))
            self._undo([part for part in self.plan.parts if part.name == name])

    def stop(self) -> None:
        """Stop all parts, last started first; a signal meanwhile makes it hurry and is raised at the end."""
        with shielded():
            if self._faulting.has_hook_on:
                with suppress(EnvironmentMissingError):  # what it disturbs may have gone already
                    self.set_fault()
            self._children.stop_all()
            self._undo(list(self.plan.parts))
            self._leave_engine()
            for port in self._ports.values():
                port.release()
            self._ports.clear()

    def _leave_engine(self) -> None:
        if self._is_provisioned:
            self._is_provisioned = False
            with suppress(MonitorsError):  # a Sentry that has gone pages nobody either
                self.engine.leave()

    def _undo(self, parts: list[Part]) -> None:
        """What was done to services that run elsewhere, once; a failure of that ends nothing."""
        for part in parts:
            if part.stop and part.name in self._begun:
                self._begun.discard(part.name)
                with suppress(EnvironmentMissingError):
                    self._perform(f"stop of {part.name}", part.stop, part)

    def read_cpu(self) -> Reading:
        """The CPU time that each part has used so far."""
        return self._children.read_cpu()

    def dead(self) -> list[str]:
        """Parts that ended although nobody stopped them: each with its exit code and the end of its log."""
        return self._children.dead()

    @property
    def _secrets(self) -> Path:
        return self.folder / "sink-secrets.json"

    def _make_service_key(self) -> None:
        """The key that the service takes: one per folder, so that it stays the same from `up` to `up`."""
        if not self.service_key.exists():
            write_text(self.service_key, secrets.token_urlsafe(KEY_BYTES))

    def _port(self, part: str) -> str:
        return str(self._ports[part].number)

    def _start(self, name: str, argv: list[str], environ: dict[str, str], *listens: str, folder: Path = ROOT) -> Child:
        """Start a part that takes over the ports on which it listens."""
        return self._children.start(name, argv, environ, tuple(self._ports[each].lock for each in listens), folder)

    def _probe(self, part: Part) -> bool:
        """Is the part there?"""
        if part is not self.plan.service:
            return answers(self.urls[part.name] + part.ready)
        answer = self._prober.ask()
        return answer is not None and answer.is_success

    def _names_release(self) -> bool:
        """Does whoever takes this connection say that it is of the release?"""
        answer = self._prober.ask(PATIENCE_S)
        return answer is not None and answer.is_success and self._release in answer.text
