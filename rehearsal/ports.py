"""Ports of the stack: the preferred one, or a free one where it is taken. Held, so that two rehearsals never share one.

Between our look at a port and the child's bind another rehearsal could take it, and would then be taken for ours. So
each port has a lock file, whose lock lives as long as the processes that inherited it.
"""

import fcntl
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rehearsal.errors import EnvironmentMissingError

HOST: Final = "127.0.0.1"
ATTEMPTS: Final = 20  # free ports that are asked for before giving up


@dataclass(frozen=True, slots=True)
class Port:
    """A port and the lock that holds it."""

    number: int
    lock: int  # file descriptor; pass it to the process that is to listen there

    def release(self) -> None:
        """Let go of it here; a process that inherited it still holds it."""
        os.close(self.lock)


def hold_port(preferred: int, host: str = HOST) -> Port:
    """Hold the preferred port, or a free one. Raises EnvironmentMissingError if there is none."""
    for asked in (preferred, *[0] * ATTEMPTS):
        number = _find_free(asked, host)
        lock = None if number is None else _lock(number)
        if number is not None and lock is not None:
            return Port(number, lock)
    raise EnvironmentMissingError(f"no free port on {host}; needed is an address of this machine")


def is_ours(host: str) -> bool:
    """Is it an address of this machine?"""
    return _find_free(0, host) is not None


def _find_free(asked: int, host: str) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind((host, asked))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _lock(number: int) -> int | None:
    folder = Path(tempfile.gettempdir()) / f"sentry-rehearsal-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / str(number), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
