"""Envelopes per second of the embedded engine, acknowledged once they are on disk.

Run as `python tests/bench/bench_ingest.py`. Sends gzip envelopes with fresh event ids over keep-alive connections from
threads of this process, which shares the machine with the engine and is the limit at many connections. Prints one JSON
object per workload: rate, latencies in ms, peak memory of the engine.
"""

import argparse
import gzip
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.path.engine import Engine, envelope, error, start_engine, transaction

FRAMES = 20  # of an error, with source lines and variables: some 30 KB, as sentry-sdk sends from a FastAPI endpoint
BATCH = 200  # envelopes made before the clock starts, per connection and second of load


@dataclass(frozen=True)
class Result:
    """One workload's numbers."""

    workload: str
    connections: int
    bytes_raw: int
    envelopes_per_s: float
    p50_ms: float
    p99_ms: float
    peak_rss_mib: int


def large_error() -> dict[str, Any]:
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
            "vars": {f"variable_{each}": f"<service.model.Thing object {each}>" for each in range(20)},
        }
        for number in range(FRAMES)
    ]
    return error(exception={"values": [{"type": "ValueError", "value": "it broke", "stacktrace": {"frames": frames}}]})


WORKLOADS: dict[str, Callable[[], bytes]] = {
    "transaction": lambda: envelope(("transaction", transaction(spans=[{}] * 3))),
    "error": lambda: envelope(("event", large_error())),
}


def measure(engine: Engine, name: str, connections: int, seconds: float) -> Result:
    """Post ready-made bodies from each connection for so long, or until they are used up."""
    project = engine.project(f"bench-{name}-{connections}")
    make = WORKLOADS[name]
    bodies = [[gzip.compress(make(), 1) for _ in range(int(BATCH * seconds))] for _ in range(connections)]
    latencies: list[list[float]] = [[] for _ in range(connections)]
    host, path = engine.url.removeprefix("http://"), f"/api/{project.id}/envelope/?sentry_key={project.key}"

    def post(number: int) -> None:
        client = http.client.HTTPConnection(host)
        until = time.perf_counter() + seconds
        for body in bodies[number]:
            begun = time.perf_counter()
            if begun > until:
                break
            client.request("POST", path, body, {"content-encoding": "gzip"})
            answer = client.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            latencies[number].append(time.perf_counter() - begun)
        client.close()

    threads = [threading.Thread(target=post, args=(number,)) for number in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    ranked = sorted(each * 1000 for one in latencies for each in one)
    return Result(
        name,
        connections,
        len(make()),
        round(len(ranked) / elapsed, 1),
        round(ranked[len(ranked) // 2], 2),
        round(ranked[len(ranked) * 99 // 100], 2),
        peak_rss_mib(engine.process.pid),
    )


def peak_rss_mib(pid: int) -> int:
    """The most memory that the process has had resident (Linux)."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        engine = start_engine(Path(directory) / "engine")
        try:
            for name in WORKLOADS:
                for connections in options.connections:
                    result = measure(engine, name, connections, options.seconds)
                    sys.stdout.write(json.dumps(asdict(result)) + "\n")
        finally:
            engine.end()


if __name__ == "__main__":
    main()
