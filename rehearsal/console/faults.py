"""Which faults were on when: the flags of the service or the hooks of a plan, looked at while the engine runs.

The flags' file holds what is on now. It is replaced when a fault is switched, so its time is the instant.
A switch before the engine's start is not known, except for the last one.
"""

import json
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from embedded.lenient import mapping, sequence
from embedded.pages.extension import Disturbance
from rehearsal.clock import sleep

POLL: Final = timedelta(milliseconds=200)
KEPT: Final = 500  # faults that are over
MAX_BYTES: Final = 64 * 1024  # what the service takes


class FaultWatch:
    """Follows a file of fault flags; `look` and `between` may be called from different threads."""

    def __init__(self, flags: Path) -> None:
        self._flags = flags
        self._written_ns = 0
        self._on: dict[str, datetime] = {}  # what -> since when
        self._over: deque[Disturbance] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def look(self) -> None:
        """Take over what the file says, if it was written since the last look."""
        try:
            written = self._flags.stat()
            if written.st_mtime_ns == self._written_ns or written.st_size > MAX_BYTES:
                return
            content = json.loads(self._flags.read_bytes())
        except (OSError, ValueError):  # not there, or being written by somebody who does not replace it
            return
        at = datetime.fromtimestamp(written.st_mtime, UTC)
        now_on = {_describe(name, mapping(flag)) for name, flag in mapping(content).items()}
        with self._lock:
            self._written_ns = written.st_mtime_ns
            for what in self._on.keys() - now_on:
                self._over.append(Disturbance(what, self._on.pop(what), at))
            for what in now_on - self._on.keys():
                self._on[what] = at

    def between(self, since: datetime, until: datetime) -> list[Disturbance]:
        """Faults that were on in [since, until), oldest first."""
        with self._lock:
            found = [*self._over, *(Disturbance(what, start, None) for what, start in self._on.items())]
        inside = [each for each in found if each.start < until and (each.end is None or each.end >= since)]
        return sorted(inside, key=lambda each: each.start)


class FaultWatches:
    """Several of them as one."""

    def __init__(self, *files: Path) -> None:
        self._watches = [FaultWatch(each) for each in files]

    def look(self) -> None:
        """Look at all of them."""
        for each in self._watches:
            each.look()

    def between(self, since: datetime, until: datetime) -> list[Disturbance]:
        """Faults of all of them that were on in [since, until), oldest first."""
        found = [fault for each in self._watches for fault in each.between(since, until)]
        return sorted(found, key=lambda each: each.start)


def follow(watch: FaultWatch | FaultWatches) -> threading.Thread:
    """Look for as long as the process runs."""

    def look_for_ever() -> None:
        while True:
            watch.look()
            sleep(POLL)

    thread = threading.Thread(target=look_for_ever, name="fault-watch", daemon=True)
    thread.start()
    return thread


def _describe(name: str, flag: dict[str, Any]) -> str:
    """`error_rate 0.2 at /api/v1/causal/*`."""
    aims = [str(each) for key in ("routes", "dependencies") for each in sequence(flag.get(key))]
    where = f" at {', '.join(aims)}" if aims and aims != ["*"] else ""
    return f"{name} {flag.get('value', '')}".rstrip() + where
