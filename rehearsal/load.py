"""Locust as a process of its own: importing it patches the interpreter."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from rehearsal.interrupts import shielded
from rehearsal.processes import Child, start, stop
from rehearsal.settings import ROOT

# Each user has one request under way, so this many slow answers can be waited for before the rate suffers: at 3 s each
# the users still send 33 requests a second. A multiple of the sum of their weights.
USERS: Final = 100
STOP_TIMEOUT_S: Final = 10  # for requests under way when the load stops


def load_argv(host: str, rate: float, limit: timedelta, ledger: Path) -> list[str]:
    """The arguments for Python that run Locust without its page, at `rate` requests a second."""
    argv = ["-m", "locust", "-f", str(ROOT / "loadtest" / "locustfile.py"), "--headless", "--only-summary"]
    argv += ["--host", host, "--users", str(USERS), "--spawn-rate", str(USERS), "--stop-timeout", str(STOP_TIMEOUT_S)]
    argv += ["--run-time", f"{limit.total_seconds():.0f}s", "--rate", str(rate), "--ledger", str(ledger)]
    return argv


def load_environ(service_key: Path) -> dict[str, str]:
    """What Locust reads from its environment: the key for the service, which others could see in its arguments."""
    return {"LOAD_API_KEY": service_key.read_text().strip()}


def run_load(host: str, service_key: Path, rate: float, span: timedelta, ledger: Path) -> int:
    """Send load until `span` is over, Locust's own output on ours; return its exit code, 1 if an answer was wrong."""
    load: Child | None = None
    try:
        with shielded():
            load = start("load", load_argv(host, rate, span, ledger), load_environ(service_key), None)
        return load.process.wait()
    finally:
        if load is not None:
            with shielded():
                stop(load)
