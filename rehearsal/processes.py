"""Child processes that never outlive us: started in their own session, stopped by pid, killed at a deadline."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from rehearsal.clock import now, sleep
from rehearsal.errors import EnvironmentMissingError
from rehearsal.settings import ROOT

STOP_DEADLINE: Final = timedelta(seconds=25)  # gunicorn's graceful timeout is 20 s
POLL: Final = timedelta(milliseconds=50)
LOG_LINES: Final = 15  # shown of a process that died
PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Child:
    """A running process with its log."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None


def start(name: str, argv: list[str], environ: Mapping[str, str], log: Path, *, outlives_us: bool = False) -> Child:
    """Start a Python module of this environment, for example `["-m", "embedded"]`, with its output in a log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, *argv],
            cwd=ROOT,
            env={**inherited(), **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the children in order
            preexec_fn=None if outlives_us else _die_with_parent,
        )
    return Child(name, process, log)


@dataclass(frozen=True, slots=True)
class Mark:
    """Enough to find a process again from elsewhere, and to know that it is still the same one."""

    name: str
    pid: int
    started: str  # kernel's start time of the process: a number that a reused pid does not share

    @property
    def is_running(self) -> bool:
        return _start_time(self.pid) == self.started


def mark(child: Child) -> Mark:
    """The mark of a child that is to outlive us."""
    return Mark(child.name, child.process.pid, _start_time(child.process.pid) or "")


def stop_marked(found: Mark) -> None:
    """End a process that an earlier command started, if it is still the same one."""
    if not found.is_running:
        return
    os.kill(found.pid, signal.SIGTERM)
    deadline = now() + STOP_DEADLINE
    while found.is_running and now() < deadline:
        sleep(POLL)
    if found.is_running:
        os.killpg(found.pid, signal.SIGKILL)


def _start_time(pid: int) -> str | None:
    """Field 22 of /proc/<pid>/stat, counted after the name, which may hold anything; None for no or a dead process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def inherited() -> dict[str, str]:
    """Our environment without what configures the parts of the stack: a rehearsal must not depend on a shell."""
    ours = ("EMBEDDED_", "ISL_", "REHEARSE_", "SENTRY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def stop(child: Child) -> None:
    """End the process and all it started: politely, then at the deadline by force."""
    if child.is_running:
        _signal(child, signal.SIGTERM)
        deadline = now() + STOP_DEADLINE
        while child.is_running and now() < deadline:
            sleep(POLL)
    _signal_group(child, signal.SIGKILL)
    child.process.wait()


def wait_until(what: str, is_true: Callable[[], bool], child: Child, deadline: timedelta) -> None:
    """Poll until `is_true`. Raises EnvironmentMissingError, with the log's end, if it dies or time is up."""
    limit = now() + deadline
    while not is_true():
        if not child.is_running:
            raise EnvironmentMissingError(
                f"{child.name} ended with code {child.process.returncode}:\n{tail(child.log)}"
            )
        if now() > limit:
            raise EnvironmentMissingError(
                f"waited {deadline.total_seconds():.0f} s for {what} in vain; {child.log} ends with:\n{tail(child.log)}"
            )
        sleep(POLL)


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]) if log.exists() else "(no log)"


def pick_port(preferred: int) -> int:
    """The preferred port, or a free one where it is taken."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EnvironmentMissingError("no free port on 127.0.0.1")


def _signal(child: Child, number: signal.Signals) -> None:
    try:
        child.process.send_signal(number)
    except ProcessLookupError:
        return


def _signal_group(child: Child, number: signal.Signals) -> None:
    try:
        os.killpg(child.process.pid, number)
    except ProcessLookupError:
        return


def _die_with_parent() -> None:
    """Ask Linux to end this child when we die, even by SIGKILL; elsewhere only an orderly end stops the children."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
