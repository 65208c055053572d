"""Child processes that never outlive us: started in their own session, stopped by pid, killed at a deadline."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from rehearsal.clock import now, sleep
from rehearsal.errors import EnvironmentMissingError
from rehearsal.interrupts import is_hurried
from rehearsal.settings import ROOT

STOP_DEADLINE: Final = timedelta(seconds=25)  # gunicorn's graceful timeout is 20 s
START_DEADLINE: Final = timedelta(seconds=60)
POLL: Final = timedelta(milliseconds=50)
ANSWER_TIMEOUT_S: Final = 2.0
LOG_LINES: Final = 15  # shown of a process that died
PR_SET_PDEATHSIG: Final = 1
# What the parts get of our environment. Everything else could configure them (SENTRY_*, GUNICORN_CMD_ARGS, LOCUST_*,
# PYTHONPATH, proxies) and make a rehearsal depend on the shell that it was started from.
INHERITED: Final = ("HOME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
# Loaded here, since a child between fork and exec must not load anything: another thread may have held a lock.
_libc: Final[Any] = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Child:
    """A running process with its log."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path | None  # None: it writes where we write

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None


def start(
    name: str,
    argv: list[str],
    environ: Mapping[str, str],
    log: Path | None,
    *,
    outlives_us: bool = False,
    held: tuple[int, ...] = (),
    folder: Path = ROOT,
) -> Child:
    """Start a program in a folder, with its output in a log file. `held` are the descriptors that it inherits.

    Raises EnvironmentMissingError if there is no such program.
    """
    parent = os.getpid()
    output = None if log is None else _open(log)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own modules, and what a team's plan names
            argv,
            cwd=folder,
            env={**inherited(), **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if output is None else subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the children in order
            pass_fds=held,
            preexec_fn=None if outlives_us else lambda: _die_with(parent),
        )
    except (FileNotFoundError, PermissionError) as error:
        raise EnvironmentMissingError(f"{name} cannot be started: {error}") from None
    finally:
        if output is not None:
            os.close(output)
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
    _wait_while(lambda: found.is_running)
    if found.is_running:
        os.killpg(found.pid, signal.SIGKILL)


def stop(child: Child) -> None:
    """End the process and all it started: politely, then at the deadline, or when we are hurried, by force."""
    if child.is_running:
        child.process.terminate()
        _wait_while(lambda: child.is_running)
    kill(child)


def kill(child: Child) -> None:
    """End the process and all it started by force, as a machine does that fails."""
    with suppress(ProcessLookupError):  # nobody is left in its group
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()


def wait_until(what: str, is_true: Callable[[], bool], child: Child | None, deadline: timedelta) -> None:
    """Poll until `is_true`. Raises EnvironmentMissingError, with the log's end, if it dies or time is up.

    Without a child, it is something that we did not start.
    """
    limit = now() + deadline
    while True:
        if child is not None and not child.is_running:  # asked first: somebody else may answer in its place
            raise EnvironmentMissingError(f"{child.name} ended with code {child.process.returncode}:\n{tail(child)}")
        if is_true():
            return
        if now() > limit:
            waited = f"waited {deadline.total_seconds():.0f} s for {what} in vain"
            raise EnvironmentMissingError(f"{waited}; {child.log} ends with:\n{tail(child)}" if child else waited)
        sleep(POLL)


def answers(url: str) -> bool:
    """Tell if there is a 2xx at this address."""
    try:
        return httpx.get(url, timeout=ANSWER_TIMEOUT_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def tail(child: Child) -> str:
    """The last lines of its log."""
    if child.log is None or not child.log.exists():
        return "(no log)"
    return "\n".join(child.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def inherited() -> dict[str, str]:
    """The part of our environment that the parts of the stack may see."""
    return {name: value for name, value in os.environ.items() if name in INHERITED or name.startswith("LC_")}


def _wait_while(is_running: Callable[[], bool]) -> None:
    deadline = now() + STOP_DEADLINE
    while is_running() and now() < deadline and not is_hurried():
        sleep(POLL)


def _open(log: Path) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def _start_time(pid: int) -> str | None:
    """Field 22 of /proc/<pid>/stat, counted after the name, which may hold anything; None for no or a dead process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _die_with(parent: int) -> None:
    """Ask Linux to end this child when we die, even by SIGKILL; elsewhere only an orderly end stops the children."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # we died before the request was in
        os._exit(1)
