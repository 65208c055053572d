"""A store with millions of requests: monitors' windows, pages, the cost of an envelope, memory, while ingest runs.

Run as `python tests/bench/bench_store.py`; Linux. A million requests over a day and ten thousand issues take some
minutes; `--requests 5000000` takes 5 GB of disk. The store is filled by SQL (`filling.py`), or taken from the folder
`--kept` where an earlier run left it; then the real engine with the console's pages is started on a copy, envelopes are
sent all the while, windows are asked in the engine's own process, then pages too, over HTTP, in the end by a Chromium
if one is there. Prints JSON, one object for each figure.
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
from datetime import timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from embedded.clock import SystemClock
from embedded.envelope import parse_envelope
from embedded.normalise import normalise
from embedded.records import Batch
from embedded.store.database import Database
from embedded.store.telemetry import append
from tests.bench.filled import Filled, filled
from tests.bench.filling import ENDPOINTS, Content, spanned_transaction
from tests.bench.load import rss_mib
from tests.bench.paint import first_paints_ms
from tests.bench.probed_engine import PROBED
from tests.path.engine import Engine, Project, envelope, error, start_engine

GROUP = 16  # envelopes of a commit: those of so many connections
ENVELOPES = 4_000  # of a round of the cost
ROUNDS = 15
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
    ("trace", "/traces/{trace}/?period={period}"),
    ("releases", "/releases/?period={period}"),
    ("decision", "/decision/?period={period}"),
    ("decision, measured", "/decision/?period={period}&basis=measured"),
    ("rehearsals", "/rehearsals/?period={period}"),
    ("rehearsal", "/rehearsals/{run}/?period={period}"),
)
PERIODS = ("15m", "24h")
WATCHED_S = 45  # in which monitors are asked while ingest runs and nobody looks at a page
VISITS = 20  # by a browser


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


def batches(count: int, ahead: timedelta) -> list[Batch]:
    made = []
    for _ in range(count):
        at = SystemClock().now() + ahead
        made.append(normalise(parse_envelope(envelope(("transaction", spanned_transaction(at)))), 1, at))
    return made


def store_us(database: Database, ahead: timedelta) -> tuple[float, float]:
    """Microseconds of (CPU, time) for each envelope that the store takes, in commits of GROUP; of this process."""
    made = batches(ENVELOPES, ahead)
    cpu, started = time.process_time(), time.perf_counter()
    for first in range(0, ENVELOPES, GROUP):
        group = made[first : first + GROUP]
        futures = [database.submit(partial(append, batch=batch), is_telemetry=True) for batch in group]
        for future in futures:
            future.result()
    used = time.process_time() - cpu, time.perf_counter() - started
    return used[0] / ENVELOPES * 1e6, used[1] / ENVELOPES * 1e6


def cost(file: Path, empty: Path, ahead: timedelta) -> None:
    """What an envelope costs the store: in one of ten thousand, and in the filled one; they take turns."""
    small, large = Database(empty), Database(file)
    small.write(lambda connection: connection.execute("INSERT OR IGNORE INTO project VALUES (1, 'a', 'a', NULL, 0)"))
    for database in (small, small, small, large):
        store_us(database, ahead)  # fills the small one, warms both
    rounds = [(store_us(small, ahead), store_us(large, ahead)) for _ in range(ROUNDS)]
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
def sending(project: Project, per_s: float, ahead: timedelta) -> Iterator[list[float]]:
    """Send so many envelopes a second, one error in twenty; gives the milliseconds that each took."""
    is_over, took_ms = threading.Event(), []

    def send() -> None:
        while not is_over.wait(1 / per_s):
            at = SystemClock().now() + ahead
            event = ("event", error(timestamp=at.isoformat()))
            item = event if random.random() < 0.05 else ("transaction", spanned_transaction(at))
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


def ask_pages(engine: Engine, turns: int, content: Filled) -> None:
    """Each page so many times, in turns; the times are those of the caller, the first of each page apart."""
    for period in PERIODS:
        took: dict[str, list[float]] = defaultdict(list)
        for _ in range(turns):
            for name, path in PAGES:
                url = engine.url + path.format(
                    period=period, monitor=content.monitor, trace=content.trace, run=content.run
                )
                started = time.perf_counter()
                answer = engine.client.get(url)
                took[name].append((time.perf_counter() - started) * 1000)
                assert answer.status_code == 200, answer.text[:500]
        for name, found in took.items():
            say(figure=f"page {name}, {period}", **spread(found[1:]), first_ms=round(found[0], 1))


def windows(file: Path, pages_from_s: float) -> None:
    """What the probe in the engine has measured before the pages were asked and beside them, but for first answers."""
    lines = [json.loads(line) for line in file.read_text().splitlines()][len(PROBED) :]
    for beside, is_beside in (("", False), (", beside pages", True)):
        phase = [each for each in lines if (each["at_s"] >= pages_from_s) is is_beside]
        for name in dict.fromkeys(each["monitor"] for each in phase):
            own = [each for each in phase if each["monitor"] == name]
            cpu_ms = statistics.median(each["cpu_ms"] for each in own)
            found = spread([each["ms"] for each in own])
            say(figure=f"window {name}{beside}", cpu_p50_ms=round(cpu_ms, 1), **found)
        say(figure=f"windows, all{beside}", **spread([each["ms"] for each in phase]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--issues", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=24.0, help="over which the requests are spread")
    parser.add_argument("--per-second", type=float, default=40.0, help="envelopes that are sent meanwhile")
    parser.add_argument("--kept", type=Path, help="folder of a filled store, made where there is none")
    parser.add_argument("--turns", type=int, default=41, help="of the pages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-store-") as directory:
        scratch, started = Path(directory), time.perf_counter()
        content = Content(options.requests, options.issues, timedelta(hours=options.hours))
        found = filled(content, scratch, options.kept)
        say(figure="filled", requests=found.requests, issues=found.issues, mib=found.file.stat().st_size >> 20,
            s=round(time.perf_counter() - started))  # fmt: skip
        probed = scratch / "windows"
        program = ("tests.bench.probed_engine", str(probed), str(found.ahead.total_seconds()), str(found.runs))
        engine = start_engine(found.folder, module=program, max_bytes=str(1 << 40))
        try:
            with sending(engine.project(), options.per_second, found.ahead) as took_ms:
                time.sleep(WATCHED_S)
                pages_from_s = time.monotonic()
                ask_pages(engine, options.turns, found)
                if paints_ms := first_paints_ms(f"{engine.url}/", VISITS):
                    say(figure="first paint of the overview", **spread(paints_ms))
            say(figure="envelope, sent one after the other meanwhile", **spread(took_ms))
            windows(probed, pages_from_s)
            say(figure="peak resident memory of the engine", mib=rss_mib(engine.process.pid, peak=True))
        finally:
            engine.end()
        cost(found.file, scratch / "small.sqlite", found.ahead)
    return 0


if __name__ == "__main__":
    sys.exit(main())
