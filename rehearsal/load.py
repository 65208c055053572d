"""Locust as a process of its own: importing it patches the interpreter."""

import sys
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from rehearsal.interrupts import shielded
from rehearsal.plan import Plan
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


def load_argv(host: str, rate: float, limit: timedelta, ledger: Path, file: LoadFile) -> list[str]:
    """The command that runs Locust without its page, at `rate` requests a second."""
    argv = [sys.executable, "-m", "locust", "-f", str(file.locustfile), "--headless", "--only-summary"]
    argv += ["--requests", str(file.requests)] if file.requests else []
    argv += ["--host", host, "--users", str(USERS), "--spawn-rate", str(USERS), "--stop-timeout", str(STOP_TIMEOUT_S)]
    argv += ["--run-time", f"{limit.total_seconds():.0f}s", "--rate", str(rate), "--ledger", str(ledger)]
    return argv


def load_environ(service_key: Path) -> dict[str, str]:
    """What Locust reads from its environment: the key for the service, which others could see in its arguments."""
    return {"LOAD_API_KEY": service_key.read_text().strip()}


def run_load(host: str, service_key: Path, rate: float, span: timedelta, ledger: Path, file: LoadFile) -> int:
    """Send load until `span` is over, Locust's own output on ours; return its exit code, 1 if an answer was wrong."""
    load: Child | None = None
    environ = load_environ(service_key) if service_key.exists() else {}
    try:
        with shielded():
            load = start("load", load_argv(host, rate, span, ledger, file), environ, None)
        return load.process.wait()
    finally:
        if load is not None:
            with shielded():
                stop(load)
