"""Load for the ingest bench: wrk posts each body of a file once; what it and the operating system saw."""

import os
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bodies import write_bodies

SCRIPT = Path(__file__).with_name("posts.lua")
MOST_PER_S = {"transaction": 12_000, "event": 4_500}  # bodies made per second of load; a round that needs more fails


@dataclass(frozen=True)
class Round:
    """What wrk saw, and what the server spent on it."""

    requests: int
    wrong: int
    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the server, for each request; says more than the rate where the machine has other work


@dataclass(frozen=True)
class Side:
    """A server that takes turns with others."""

    url: str
    path: str
    pid: int


def post(url: str, path: str, bodies: Path, connections: int, seconds: float, pid: int) -> Round:
    """Send for so long, or until the bodies are used up in which case wrk begins anew with the first."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(SCRIPT), url, "--", str(bodies), path]
    before_s = cpu_s(pid)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    requests, elapsed_us, wrong, p50_us, p99_us = (int(each) for each in said.split("RESULT ")[1].split())
    spent_us = (cpu_s(pid) - before_s) * 1e6
    return Round(
        requests, wrong, requests * 1e6 / elapsed_us, p50_us / 1000, p99_us / 1000, spent_us / max(requests, 1)
    )


def cpu_s(pid: int) -> float:
    """CPU time that the process has used, user and system (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int, *, peak: bool = False) -> int:
    """Memory that the process has resident, or has had at most (Linux)."""
    name = "VmHWM:" if peak else "VmRSS:"
    return int(Path(f"/proc/{pid}/status").read_text().split(name)[1].split()[0]) // 1024


def take_turns(
    sides: Sequence[Side], kind: str, connections: int, bodies: Path, rounds: int, seconds: int
) -> tuple[list[int], list[list[Round]]]:
    """Send each round's bodies to each side; return a body's size, raw and compressed, and what each round found."""
    most = MOST_PER_S[kind] * seconds
    sizes: list[int] = []
    seen: list[list[Round]] = []
    for number in range(rounds):
        sizes = [*write_bodies(kind, most, bodies)]
        order = sides if number % 2 else sides[::-1]
        found = {side: post(side.url, side.path, bodies, connections, seconds, side.pid) for side in order}
        assert not sum(each.wrong for each in found.values()), "every answer must be a 200"
        seen.append([found[side] for side in sides])
    return sizes, seen


def median(rounds: Sequence[Sequence[Round]], side: int, figure: Callable[[Round], float], digits: int = 0) -> float:
    """A side's figure over the rounds."""
    return round(statistics.median(figure(each[side]) for each in rounds), digits or None)


def spread(ratios: Sequence[float]) -> list[float]:
    """The median of the rounds' ratios, the least and the most."""
    return [round(each, 2) for each in (statistics.median(ratios), min(ratios), max(ratios))]
