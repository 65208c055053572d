"""Locust as a process of its own: importing it patches the interpreter."""

import sys
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from rehearsal.interrupts import shielded
from rehearsal.plan import Plan
from rehearsal.ports import HOST
from rehearsal.processes import Child, start, stop
from rehearsal.settings import ROOT
from rehearsal.statefile import write_json

# Each user has one request under way, so this many slow answers can be waited for before the rate suffers: at 3 s each
# the users still send 33 requests a second. A multiple of the sum of their weights.
USERS: Final = 100
PLANNED: Final = ROOT / "loadtest" / "planned.py"
STOP_TIMEOUT_S: Final = 10  # for requests under way when the load stops


@dataclass(frozen=True, slots=True)
class LoadFile:
    """A Locust file, and what ours reads its requests from."""

    locustfile: Path
    requests: Path | None


def load_file(plan: Plan, folder: Path) -> LoadFile:
    """The plan's Locust file, or ours with the plan's requests as a file in the folder."""
    if isinstance(plan.load, Path):
        return LoadFile(plan.load, None)
    requests = folder / "requests.json"
    write_json(requests, {"requests": [asdict(each) for each in plan.load]})
    return LoadFile(PLANNED, requests)


@dataclass(frozen=True, slots=True)
class Load:
    """How much is sent, for how long, and by how many."""

    rate: float  # requests per second, the most of its shape
    span: timedelta
    shape: str = "steady"  # of loadtest.shapes
    processes: int = 1
    shape_span: timedelta | None = None  # that the shape is stretched over; None: the whole span
    page_port: int | None = None  # of Locust's own page; None: none, and it ends with the span
    users: int = USERS  # each has one request under way


def load_argv(host: str, load: Load, ledger: Path, file: LoadFile) -> list[str]:
    """The command that runs Locust."""
    argv = [sys.executable, "-m", "locust", "-f", str(file.locustfile), "--only-summary"]
    argv += ["--requests", str(file.requests)] if file.requests else []
    users = str(load.users)
    argv += ["--host", host, "--users", users, "--spawn-rate", users, "--stop-timeout", str(STOP_TIMEOUT_S)]
    argv += ["--run-time", f"{load.span.total_seconds():.0f}s", "--rate", str(load.rate), "--ledger", str(ledger)]
    argv += ["--shape", load.shape, "--span", str((load.shape_span or load.span).total_seconds())]
    argv += ["--processes", str(load.processes)] if load.processes > 1 else []
    if load.page_port is None:
        return [*argv, "--headless"]
    return [*argv, "--autostart", "--web-host", HOST, "--web-port", str(load.page_port)]


def load_environ(service_key: Path) -> dict[str, str]:
    """What Locust reads from its environment: the key for the service, which others could see in its arguments."""
    return {"LOAD_API_KEY": service_key.read_text().strip()}


def run_load(host: str, service_key: Path, load: Load, ledger: Path, file: LoadFile) -> int:
    """Send load until its span is over, Locust's own output on ours; return its exit code, 1 if an answer was wrong."""
    child: Child | None = None
    environ = load_environ(service_key) if service_key.exists() else {}
    try:
        with shielded():
            child = start("load", load_argv(host, load, ledger, file), environ, None)
        return child.process.wait()
    finally:
        if child is not None:
            with shielded():
                stop(child)
