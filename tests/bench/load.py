"""Load for the ingest bench: wrk posts each body of a file once; what it and the operating system saw."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("posts.lua")


@dataclass(frozen=True)
class Round:
    """What wrk saw, and what the server spent on it."""

    requests: int
    wrong: int
    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the server, for each request; says more than the rate where the machine has other work


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
