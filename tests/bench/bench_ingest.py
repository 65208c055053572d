"""Envelopes per second of the embedded engine, acknowledged once they are on disk, beside an app that only parses them.

Run as `python tests/bench/bench_ingest.py`; needs wrk (Debian's package of that name) and Linux. Both servers are one
uvicorn process and take turns; both get the same gzip bodies, each with an event id of its own. The load generator
shares the machine with them. Prints one JSON object per workload and number of connections: medians over the rounds.

With `--peer bugsink` the peer is installed from PyPI and measured too; with `--fill N` the engine gets N transactions
one after another, and memory and CPU time per envelope are printed as it fills.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.bodies import write_bodies
from tests.bench.load import Round, post, rss_mib
from tests.bench.peer import bugsink
from tests.path.engine import Engine, await_true, free_port, start_engine

BARE = Path(__file__).with_name("bare.py")
MOST_PER_S = {"transaction": 12_000, "event": 4_500}  # bodies made per second of load; a round that needs more fails
FILL_SLICE_S = 5  # of load, between two looks at the engine
PEER_FOLDER = Path(__file__).parents[2] / "var" / "bench-peer"


@contextmanager
def bare() -> Iterator[tuple[str, int]]:
    """Run the app that only parses; give its address and its process id."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, str(BARE), str(port)])

    def is_up() -> bool:
        try:
            return httpx.get(url, trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        await_true("the bare app", is_up)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def ingest_path(engine: Engine, slug: str) -> str:
    """Make a project, and return where its envelopes go."""
    project = engine.project(slug)
    return f"/api/{project.id}/envelope/?sentry_key={project.key}"


def compare(
    engine: Engine, floor: tuple[str, int], kind: str, connections: int, options: argparse.Namespace
) -> dict[str, object]:
    """Let engine and bare app take turns; return medians, and the median of the rounds' ratios with its range."""
    path = ingest_path(engine, f"bench-{kind}-{connections}")
    bodies = engine.data_dir.parent / "bodies"
    most = MOST_PER_S[kind] * options.seconds
    rounds: list[tuple[Round, Round]] = []
    for _ in range(options.rounds):
        raw, compressed = write_bodies(kind, most, bodies)
        ours, least = (
            post(url, path, bodies, connections, options.seconds, pid)
            for url, pid in ((engine.url, engine.process.pid), floor)
        )
        assert not ours.wrong + least.wrong, "every answer must be a 200"
        assert ours.requests < most, "the bodies were used up: raise MOST_PER_S"
        rounds.append((ours, least))
    ratios = [ours.per_s / least.per_s for ours, least in rounds]
    cpu_ratios = [least.cpu_us / ours.cpu_us for ours, least in rounds]
    return {
        "workload": kind,
        "connections": connections,
        "bytes": [raw, compressed],
        "per_s": round(statistics.median(ours.per_s for ours, _ in rounds)),
        "bare_per_s": round(statistics.median(least.per_s for _, least in rounds)),
        "ratio": [round(each, 2) for each in (statistics.median(ratios), min(ratios), max(ratios))],
        "cpu_us": round(statistics.median(ours.cpu_us for ours, _ in rounds)),
        "bare_cpu_us": round(statistics.median(least.cpu_us for _, least in rounds)),
        "cpu_ratio": [round(each, 2) for each in (statistics.median(cpu_ratios), min(cpu_ratios), max(cpu_ratios))],
        "p50_ms": round(statistics.median(ours.p50_ms for ours, _ in rounds), 1),
        "p99_ms": round(statistics.median(ours.p99_ms for ours, _ in rounds), 1),
        "bare_p99_ms": round(statistics.median(least.p99_ms for _, least in rounds), 1),
        "peak_rss_mib": rss_mib(engine.process.pid, peak=True),
    }


def measure_peer(engine: Engine, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Send the same load to the peer and to the engine, one after the other."""
    PEER_FOLDER.mkdir(parents=True, exist_ok=True)
    bodies = engine.data_dir.parent / "bodies"
    with bugsink(PEER_FOLDER) as peer:
        for kind in MOST_PER_S:
            write_bodies(kind, MOST_PER_S[kind] * options.peer_seconds, bodies)
            before, began_s = peer.stored(), time.monotonic()
            theirs = post(peer.url, peer.path, bodies, 16, options.peer_seconds, engine.process.pid)
            ended_s = peer.await_digested()
            stored = peer.stored() - before
            path = ingest_path(engine, f"beside-{kind}")
            ours = post(engine.url, path, bodies, 16, options.peer_seconds, engine.process.pid)
            yield {
                "peer": "bugsink",
                "workload": kind,
                "accepted_per_s": round(theirs.per_s),
                "refused": theirs.wrong,
                "stored_per_s": round(stored / (ended_s - began_s), 1),
                "p99_ms": round(theirs.p99_ms, 1),
                "engine_per_s": round(ours.per_s),
                "engine_p99_ms": round(ours.p99_ms, 1),
            }


def fill(engine: Engine, count: int, within_s: float) -> Iterator[dict[str, object]]:
    """Store so many transactions, or those of so long; say after each slice what one cost and the resident memory."""
    path = ingest_path(engine, "fill")
    bodies = engine.data_dir.parent / "bodies"
    stored, end_s = 0, time.monotonic() + within_s
    while stored < count and time.monotonic() < end_s:
        write_bodies("transaction", MOST_PER_S["transaction"] * FILL_SLICE_S, bodies)
        found = post(engine.url, path, bodies, 16, FILL_SLICE_S, engine.process.pid)
        assert not found.wrong, "every answer must be a 200"
        stored += found.requests
        yield {
            "stored": stored,
            "per_s": round(found.per_s),
            "cpu_us": round(found.cpu_us),
            "p99_ms": round(found.p99_ms, 1),
            "rss_mib": rss_mib(engine.process.pid),
            "peak_rss_mib": rss_mib(engine.process.pid, peak=True),
            "file_mib": sum(each.stat().st_size for each in engine.data_dir.glob("*.sqlite*")) >> 20,
        }


def results(engine: Engine, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Everything that was asked for, as it is found."""
    if options.rounds:
        with bare() as floor:
            for kind in MOST_PER_S:
                for connections in options.connections:
                    yield compare(engine, floor, kind, connections, options)
    if options.peer:
        yield from measure_peer(engine, options)
    yield from fill(engine, options.fill, options.fill_seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5, help="0: no comparison with the bare app")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--peer", choices=["bugsink"], help="install it from PyPI into var/, and measure it too")
    parser.add_argument(
        "--peer-seconds", type=int, default=5, help="of load; the peer digests it for ten times as long"
    )
    parser.add_argument("--fill", type=int, default=0, help="transactions; a million take about ten minutes")
    parser.add_argument("--fill-seconds", type=float, default=1800, help="the most that filling may take")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.stderr.write("bench_ingest: skipped, wrk is not installed (Debian: apt-get install wrk)\n")
        return 0
    with tempfile.TemporaryDirectory() as directory:
        engine = start_engine(Path(directory) / "engine")
        try:
            for result in results(engine, options):
                sys.stdout.write(json.dumps(result) + "\n")
                sys.stdout.flush()
        finally:
            engine.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
