"""Envelopes per second of the embedded engine, acknowledged once they are on disk, beside an app that only parses them.

Run as `python tests/bench/bench_ingest.py`; needs wrk (Debian's package of that name) and Linux. Both servers are one
uvicorn process and take turns; both get the same gzip bodies, each with an event id of its own. The load generator
shares the machine with them. Prints one JSON object per workload and number of connections: medians over the rounds.

With `--peer bugsink` the peer is installed from PyPI and measured too; with `--fill N` the engine gets N transactions
one after another, and memory and CPU time per envelope are printed as it fills. `--linger` does nothing else than to
compare the engine with one that waits for no further envelopes after a commit of several.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))

from embedded.store.appender import LINGER_S
from tests.bench.bodies import write_bodies
from tests.bench.load import MOST_PER_S, Side, median, post, rss_mib, spread, take_turns
from tests.bench.peer import bugsink
from tests.path.engine import Engine, await_true, free_port, start_engine

BARE = Path(__file__).with_name("bare.py")
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
    url, pid = floor
    sides = [Side(engine.url, path, engine.process.pid), Side(url, path, pid)]
    bodies = engine.data_dir.parent / "bodies"
    sizes, rounds = take_turns(sides, kind, connections, bodies, options.rounds, options.seconds)
    most = MOST_PER_S[kind] * options.seconds
    assert all(ours.requests < most for ours, _ in rounds), "the bodies were used up: raise MOST_PER_S"
    return {
        "workload": kind,
        "connections": connections,
        "bytes": sizes,
        "per_s": median(rounds, 0, lambda each: each.per_s),
        "bare_per_s": median(rounds, 1, lambda each: each.per_s),
        "ratio": spread([ours.per_s / least.per_s for ours, least in rounds]),
        "cpu_us": median(rounds, 0, lambda each: each.cpu_us),
        "bare_cpu_us": median(rounds, 1, lambda each: each.cpu_us),
        "cpu_ratio": spread([least.cpu_us / ours.cpu_us for ours, least in rounds]),
        "p50_ms": median(rounds, 0, lambda each: each.p50_ms, 1),
        "p99_ms": median(rounds, 0, lambda each: each.p99_ms, 1),
        "bare_p99_ms": median(rounds, 1, lambda each: each.p99_ms, 1),
        "peak_rss_mib": rss_mib(engine.process.pid, peak=True),
    }


def compare_lingers(folder: Path, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Let an engine without a linger and one with the engine's own take turns."""
    lingers_ms = (0.0, LINGER_S * 1000)
    with ExitStack() as stack:
        engines = [
            start_engine(folder / f"linger-{each:g}", module=("tests.bench.lingering", str(each)))
            for each in lingers_ms
        ]
        for engine in engines:
            stack.callback(engine.end)
        for kind in MOST_PER_S:
            for connections in options.connections:
                slug = f"bench-{kind}-{connections}"
                sides = [Side(each.url, ingest_path(each, slug), each.process.pid) for each in engines]
                _, rounds = take_turns(sides, kind, connections, folder / "bodies", options.rounds, options.seconds)
                most = MOST_PER_S[kind] * options.seconds
                assert all(each.requests < most for found in rounds for each in found), "raise MOST_PER_S"
                yield {
                    "workload": kind,
                    "connections": connections,
                    "linger_ms": lingers_ms,
                    "per_s": [median(rounds, side, lambda each: each.per_s) for side in (0, 1)],
                    "per_s_ratio": spread([its.per_s / none.per_s for none, its in rounds]),
                    "cpu_us": [median(rounds, side, lambda each: each.cpu_us) for side in (0, 1)],
                    "cpu_ratio": spread([its.cpu_us / none.cpu_us for none, its in rounds]),
                    "p99_ms": [median(rounds, side, lambda each: each.p99_ms, 1) for side in (0, 1)],
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


def results(folder: Path, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Everything that was asked for, as it is found."""
    if options.linger:
        yield from compare_lingers(folder, options)
        return
    engine = start_engine(folder / "engine")
    try:
        yield from results_of(engine, options)
    finally:
        engine.end()


def results_of(engine: Engine, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """All but the lingers."""
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
    parser.add_argument("--linger", action="store_true", help="only what lingering after a commit does")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.stderr.write("bench_ingest: skipped, wrk is not installed (Debian: apt-get install wrk)\n")
        return 0
    with tempfile.TemporaryDirectory() as directory:
        for result in results(Path(directory), options):
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
