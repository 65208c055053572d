"""A store with millions of requests: monitors' windows, pages, the cost of an envelope, memory, while ingest runs.

Run as `python tests/bench/bench_store.py`; Linux. A million requests over a day and ten thousand issues take a few
minutes; `--requests 5000000` takes about a quarter of an hour and 5 GB of disk. The store is filled by SQL
(`filling.py`), then the real engine is started on it, envelopes are sent all the while, windows are asked in the
engine's own process, and pages over HTTP. Prints JSON, one object for each figure.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from embedded.envelope import parse_envelope
from embedded.normalise import normalise
from embedded.records import Batch
from embedded.store.database import Database
from embedded.store.telemetry import append
from tests.bench.filling import ENDPOINTS, Content, fill, spanned_transaction
from tests.bench.load import rss_mib
from tests.bench.probed_engine import PROBED
from tests.path.engine import ORGANIZATION, Engine, Project, detector_body, envelope, error, start_engine

GROUP = 16  # envelopes of a commit: those of so many connections
ENVELOPES = 4_000  # of a round of the cost
ROUNDS = 5
PAGES = (
    ("overview", "/?period={period}"),
    ("performance", "/performance/?period={period}"),
    ("endpoint", "/performance/endpoint/?period={period}&name=" + ENDPOINTS[0].replace(" ", "%20")),
    ("issues", "/issues/?period={period}"),
    ("issues by a tag of events", "/issues/?period={period}&query=release:isl@1.4.1"),
    ("issue", "/issues/1/?period={period}"),
    ("monitors", "/monitors/?period={period}"),
    ("monitor", "/monitors/{monitor}/?period={period}"),
    ("alerts", "/alerts/?period={period}"),
    ("stats", "/stats/?period={period}"),
)
PERIODS = ("15m", "24h")


def say(**figure: object) -> None:
    sys.stdout.write(json.dumps(figure) + "\n")
    sys.stdout.flush()


def spread(found_ms: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the worst."""
    ranked = sorted(found_ms)
    worst = ranked[-1]
    return {
        "p50_ms": round(statistics.median(ranked), 1),
        "p95_ms": round(ranked[min(int(len(ranked) * 0.95), len(ranked) - 1)], 1),
        "max_ms": round(worst, 1),
        "n": len(ranked),
    }


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a bench on the machine's clock


def batches(count: int) -> list[Batch]:
    made = []
    for _ in range(count):
        body = envelope(("transaction", spanned_transaction()))
        made.append(normalise(parse_envelope(body), 1, now()))
    return made


def store_us(database: Database) -> tuple[float, float]:
    """Microseconds of (CPU, time) for each envelope that the store takes, in commits of GROUP; of this process."""
    made = batches(ENVELOPES)
    cpu, started = time.process_time(), time.perf_counter()
    for first in range(0, ENVELOPES, GROUP):
        group = made[first : first + GROUP]
        futures = [database.submit(partial(append, batch=batch), is_telemetry=True) for batch in group]
        for future in futures:
            future.result()
    used = time.process_time() - cpu, time.perf_counter() - started
    return used[0] / ENVELOPES * 1e6, used[1] / ENVELOPES * 1e6


def cost(file: Path, empty: Path) -> None:
    """What an envelope costs the store: in one of ten thousand, and in the filled one; they take turns."""
    small, large = Database(empty), Database(file)
    small.write(lambda connection: connection.execute("INSERT OR IGNORE INTO project VALUES (1, 'a', 'a', NULL, 0)"))
    for database in (small, small, small, large):
        store_us(database)  # fills the small one, warms both
    rounds = [(store_us(small), store_us(large)) for _ in range(ROUNDS)]
    for database in (small, large):
        database.close()
    for number, kind in enumerate(("cpu", "time")):
        ratios = [later[number] / first[number] for first, later in rounds]
        say(
            figure=f"{kind} of an envelope in the store, filled / small",
            small_us=round(statistics.median(first[number] for first, _ in rounds)),
            filled_us=round(statistics.median(later[number] for _, later in rounds)),
            ratio=[round(each, 2) for each in (statistics.median(ratios), min(ratios), max(ratios))],
        )


@contextmanager
def sending(project: Project, per_s: float) -> Iterator[list[float]]:
    """Send so many envelopes a second, one error in twenty; gives the milliseconds that each took."""
    is_over, took_ms = threading.Event(), []

    def send() -> None:
        while not is_over.wait(1 / per_s):
            item = ("event", error()) if random.random() < 0.05 else ("transaction", spanned_transaction())
            started = time.perf_counter()
            project.send(item)
            took_ms.append((time.perf_counter() - started) * 1000)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield took_ms
    finally:
        is_over.set()
        thread.join()


def ask_pages(engine: Engine, turns: int, monitor: int) -> None:
    """Each page so many times, in turns; the times are those of the caller."""
    for period in PERIODS:
        took: dict[str, list[float]] = defaultdict(list)
        for _ in range(turns):
            for name, path in PAGES:
                url = engine.url + path.format(period=period, monitor=monitor)
                started = time.perf_counter()
                answer = engine.client.get(url)
                took[name].append((time.perf_counter() - started) * 1000)
                assert answer.status_code == 200, answer.text[:500]
        for name, found in took.items():
            say(figure=f"page {name}, {period}", **spread(found))


def windows(file: Path) -> None:
    """What the probe in the engine has measured; the first answer of each monitor is left out."""
    lines = [json.loads(line) for line in file.read_text().splitlines()][len(PROBED) :]
    for name in dict.fromkeys(each["monitor"] for each in lines):
        own = [each for each in lines if each["monitor"] == name]
        cpu_ms = statistics.median(each["cpu_ms"] for each in own)
        say(figure=f"window {name}", cpu_p50_ms=round(cpu_ms, 1), **spread([each["ms"] for each in own]))
    say(figure="windows, all", **spread([each["ms"] for each in lines]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--issues", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=24.0, help="over which the requests are spread")
    parser.add_argument("--per-second", type=float, default=40.0, help="envelopes that are sent meanwhile")
    parser.add_argument("--turns", type=int, default=15, help="of the pages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-store-") as directory:
        folder = Path(directory) / "engine"
        engine = start_engine(folder)
        project = engine.project()
        made = engine.ask("POST", f"{ORGANIZATION}/projects/{project.slug}/detectors/", detector_body())
        engine.end()
        file, started = folder / "engine.sqlite", time.perf_counter()
        fill(file, project.id, Content(options.requests, options.issues, timedelta(hours=options.hours)), now())
        say(figure="filled", requests=options.requests, issues=options.issues, mib=file.stat().st_size >> 20,
            s=round(time.perf_counter() - started))  # fmt: skip
        probed = Path(directory) / "windows"
        engine = start_engine(folder, module=("tests.bench.probed_engine", str(probed)), max_bytes=str(1 << 40))
        try:
            with sending(engine.project(), options.per_second) as took_ms:
                ask_pages(engine, options.turns, int(made["id"]))
            say(figure="envelope, sent one after the other meanwhile", **spread(took_ms))
            windows(probed)
            say(figure="peak resident memory of the engine", mib=rss_mib(engine.process.pid, peak=True))
        finally:
            engine.end()
        cost(file, Path(directory) / "small.sqlite")
    return 0


if __name__ == "__main__":
    sys.exit(main())
