"""CPU time of a rehearsal's parts, and whether the load came when it was due: was the service measured, or the load?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psutil

from loadtest.ledger import CANARY, PLANTED, PROBE, Entry
from rehearsal.clock import now
from rehearsal.processes import Child

REHEARSAL: Final = "rehearsal"  # this process
# A load generator that starts requests so much after it could have, is busy with itself. An idle one needs 1 or 2 ms.
LATE_MS: Final = 100.0
BUSY: Final = 0.9  # of a core: a process of Locust's runs on one
CROWDED: Final = 0.5  # of the machine; a service that shares it with a rehearsal takes a tenth of that
TYPICAL: Final = 0.95  # the share of the requests that must have been started in time
SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU time so far."""

    at: datetime
    parts: Mapping[str, float]  # seconds, of all processes of a part
    machine_s: float  # of everybody on this machine


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time of a span."""

    wall_s: float
    cores: int
    parts: Mapping[str, float]  # CPU seconds
    others_s: float  # of whoever else was busy on this machine

    def share(self, part: str) -> float:
        """How many cores the part took, on average."""
        return self.parts.get(part, 0.0) / self.wall_s if self.wall_s else 0.0


class Meter:
    """Reads the CPU time of parts, those that have ended among them."""

    def __init__(self) -> None:
        self._ended: defaultdict[str, float] = defaultdict(float)

    def note_end(self, child: Child) -> None:
        """Take what a part has used before it is stopped and forgotten."""
        self._ended[child.name] += cpu_seconds(child.process.pid)

    def read(self, children: Iterable[Child]) -> Reading:
        parts = self._ended.copy()
        for child in children:
            parts[child.name] += cpu_seconds(child.process.pid)
        own = psutil.Process().cpu_times()  # without its children: they are the parts
        parts[REHEARSAL] = own.user + own.system
        machine = psutil.cpu_times()
        return Reading(now(), dict(parts), machine.user + machine.system)


def usage_between(start: Reading, end: Reading) -> Usage:
    """Return what was used from one reading to another."""
    parts = {name: max(0.0, used - start.parts.get(name, 0.0)) for name, used in end.parts.items()}
    others = max(0.0, end.machine_s - start.machine_s - sum(parts.values()))
    return Usage((end.at - start.at) / SECOND, psutil.cpu_count() or 1, parts, others)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and all that it started; 0 of one that is gone."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return _of_family(process)
    return 0.0


def _of_family(process: psutil.Process) -> float:
    total = _of(process)
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            total += _of(child)
    return total


def _of(process: psutil.Process) -> float:
    """Of one process, and of those of its children that have ended."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How the load kept to its schedule."""

    sent: int
    late_p95_ms: float  # how long after it was due a request began, for whatever reason
    lag_p95_ms: float  # how much of that the load generator made itself: it was free, and woke up late


def measure_arrivals(entries: Iterable[Entry]) -> Arrivals:
    """Return how the load kept to its schedule; our own requests have none."""
    load = [entry for entry in entries if entry.intent not in (PROBE, CANARY, PLANTED)]
    late, lag = sorted(entry.late_ms for entry in load), sorted(entry.lag_ms for entry in load)
    return Arrivals(len(load), _typical(late), _typical(lag))


def warn_of_load(arrivals: Arrivals, usage: Usage, processes: int = 1) -> str | None:
    """Say that the load generator was the bottleneck, if it was: then the service was not measured."""
    if arrivals.lag_p95_ms <= LATE_MS:
        return None
    cores = usage.share("load")
    is_busy = cores >= BUSY * processes
    why = (
        f"it took {cores:.2f} of its {processes} core{'s' if processes > 1 else ''}: send from more processes"
        if is_busy
        else f"it took {cores:.2f} cores, others on this machine {usage.others_s / usage.wall_s:.2f} of {usage.cores}"
    )
    return (
        "The load generator was the bottleneck, not the service: one request in twenty began"
        f" {arrivals.lag_p95_ms:.0f} ms or more after it could have ({why}). Latencies of this run say little about the"
        " service."
    )


def warn_of_others(usage: Usage) -> str | None:
    """Say that somebody else had much of the machine: a page that came late may be late for that reason."""
    share = usage.others_s / (usage.wall_s * usage.cores) if usage.wall_s else 0.0
    if share <= CROWDED:
        return None
    return (
        f"The machine was busy with something else: it took {share:.0%} of {usage.cores} cores."
        " Times and latencies of this run may be its doing."
    )


def _typical(values: list[float]) -> float:
    return values[min(len(values) - 1, int(TYPICAL * len(values)))] if values else 0.0
