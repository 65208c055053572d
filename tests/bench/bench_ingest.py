"""Envelopes per second of the embedded engine, acknowledged once they are on disk, beside an app that only parses them.

Run as `python tests/bench/bench_ingest.py`; needs wrk (Debian's package of that name) and Linux. Both servers are one
uvicorn process and take turns; both get the same gzip bodies, each with an event id of its own. The load generator
shares the machine with them. Prints one JSON object per workload and number of connections: medians over the rounds.
"""

import argparse
import gzip
import json
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.path.engine import Engine, await_true, envelope, error, free_port, start_engine, transaction

FRAMES = 18  # of an error, with source lines and variables: some 36 KB, as sentry-sdk sends from a FastAPI endpoint
VARIABLES = 20
SPANS = 7
SCRIPT = Path(__file__).with_name("posts.lua")
MOST_PER_S = {"transaction": 9_000, "error": 3_500}  # bodies made per second of load; a round that needs more fails


@dataclass(frozen=True)
class Round:
    """What wrk saw."""

    per_s: float
    p50_ms: float
    p99_ms: float


def large_error() -> dict[str, Any]:
    """An error of 36 KB; half of each variable is random, so it shrinks to about a third, not to nothing."""
    lines = [f"    value_{number} = compute(number={number})" for number in range(5)]
    frames = [
        {
            "module": f"service.module_{number}",
            "function": "handle",
            "filename": f"service/module_{number}.py",
            "lineno": number,
            "in_app": number == 0,
            "pre_context": lines,
            "context_line": "    raise ValueError(value)",
            "post_context": lines,
            "vars": {f"variable_{each}": f"<service.model.Thing {secrets.token_hex(17)}>" for each in range(VARIABLES)},
        }
        for number in range(FRAMES)
    ]
    return error(exception={"values": [{"type": "ValueError", "value": "it broke", "stacktrace": {"frames": frames}}]})


def spanned_transaction() -> dict[str, Any]:
    """A transaction of 2 KB, with spans of a request."""
    sent = transaction()
    span = {"trace_id": uuid4().hex, "op": "db", "description": "SELECT name FROM graph WHERE id = ?", "status": "ok"}
    times = {name: sent[name] for name in ("start_timestamp", "timestamp")}
    return sent | {"spans": [span | times | {"span_id": secrets.token_hex(8)} for _ in range(SPANS)]}


WORKLOADS: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "transaction": ("transaction", spanned_transaction),
    "error": ("event", large_error),
}


def write_bodies(name: str, count: int, path: Path) -> tuple[int, int]:
    """Write so many gzip bodies with event ids of their own; return the size of one, raw and compressed."""
    kind, make = WORKLOADS[name]
    sent = make()
    raw = envelope((kind, sent))
    with path.open("wb") as file:
        for _ in range(count):
            body = gzip.compress(raw.replace(sent["event_id"].encode(), uuid4().hex.encode()), 1)
            file.write(len(body).to_bytes(4) + body)
    return len(raw), len(body)


def post(url: str, path: str, bodies: Path, connections: int, seconds: int) -> Round:
    """One round of wrk; every answer must be a 200. Returns its rate and latencies."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT), url, "--", str(bodies), path]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    requests, elapsed_us, wrong, p50_us, p99_us = (int(each) for each in said.split("RESULT ")[1].split())
    assert not wrong, said
    return Round(requests * 1e6 / elapsed_us, p50_us / 1000, p99_us / 1000)


@contextmanager
def bare() -> Iterator[str]:
    """Run the app that only parses; give its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, str(SCRIPT.with_name("bare.py")), str(port)])

    def is_up() -> bool:
        try:
            return httpx.get(url, trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        await_true("the bare app", is_up)
        yield url
    finally:
        process.terminate()
        process.wait()


def compare(engine: Engine, floor: str, name: str, connections: int, options: argparse.Namespace) -> dict[str, object]:
    """Let engine and bare app take turns; return medians, and the median of the rounds' ratios with its range."""
    project = engine.project(f"bench-{name}-{connections}")
    path = f"/api/{project.id}/envelope/?sentry_key={project.key}"
    rounds: list[tuple[Round, Round]] = []
    most = MOST_PER_S[name] * options.seconds
    for _ in range(options.rounds):
        bodies = engine.data_dir.parent / "bodies"
        raw, compressed = write_bodies(name, most, bodies)
        ours, least = (post(url, path, bodies, connections, options.seconds) for url in (engine.url, floor))
        assert ours.per_s * options.seconds < most, "the bodies were used up: raise MOST_PER_S"
        rounds.append((ours, least))
    ratios = [ours.per_s / least.per_s for ours, least in rounds]
    return {
        "workload": name,
        "connections": connections,
        "bytes": [raw, compressed],
        "per_s": round(statistics.median(ours.per_s for ours, _ in rounds)),
        "bare_per_s": round(statistics.median(least.per_s for _, least in rounds)),
        "ratio": [round(each, 2) for each in (statistics.median(ratios), min(ratios), max(ratios))],
        "p50_ms": round(statistics.median(ours.p50_ms for ours, _ in rounds), 1),
        "p99_ms": round(statistics.median(ours.p99_ms for ours, _ in rounds), 1),
        "bare_p99_ms": round(statistics.median(least.p99_ms for _, least in rounds), 1),
        "peak_rss_mib": peak_rss_mib(engine.process.pid),
    }


def peak_rss_mib(pid: int) -> int:
    """The most memory that the process has had resident (Linux)."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.stderr.write("bench_ingest: skipped, wrk is not installed (Debian: apt-get install wrk)\n")
        return 0
    with tempfile.TemporaryDirectory() as directory, bare() as floor:
        engine = start_engine(Path(directory) / "engine")
        try:
            for name in WORKLOADS:
                for connections in options.connections:
                    result = compare(engine, floor, name, connections, options)
                    sys.stdout.write(json.dumps(result) + "\n")
                    sys.stdout.flush()
        finally:
            engine.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
