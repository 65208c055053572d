"""The engine with the console's pages, and a thread that asks monitors' windows all the while, as the ticks do.

Run as `python -m tests.bench.probed_engine FILE AHEAD_S RUNS`: its clock is so many seconds before the machine's, and
past rehearsals lie in RUNS. Writes a JSON line for each answer: the monitor's name, when it was there on the clock that
only goes forward, and the milliseconds that it took, of time and of this thread's CPU.
"""

import json
import os
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import uvicorn

from embedded.alerting import measure
from embedded.app import build_app
from embedded.clock import Clock
from embedded.destinations import load_destinations
from embedded.settings import load_settings
from embedded.store.alerts import DueMonitor
from embedded.store.database import Database
from rehearsal.console.__main__ import extend
from rehearsal.console.sources import Sources
from rehearsal.options import DEFAULTS
from tests.path.shifted import ShiftedClock

PAUSE_S: Final = 0.1
PROBED: Final = (  # aggregate, window in minutes, query
    ("failure_rate()", 5, "is_transaction:true"),
    ("p95(span.duration)", 10, "is_transaction:true"),
    ("count()", 60, "transaction:POST*"),
    ("p95(span.duration)", 60, 'transaction:"POST /api/v1/causal/validate"'),
    ("failure_rate()", 1440, "release:isl@1.4.1"),
    ("p95(span.duration)", 1440, "is_transaction:true"),
)


def monitors(now: datetime) -> dict[str, DueMonitor]:
    """The monitors by what they measure; they are in no store."""
    return {
        f"{aggregate} over {minutes} min": DueMonitor(
            id=0,
            project_id=1,
            name="probe",
            dataset="events_analytics_platform",
            query=query,
            aggregate=aggregate,
            window=timedelta(minutes=minutes),
            environment=None,
            compared_to=None,
            is_weighted=True,
            conditions=(),
            version=0,
            level=0,
            fired_at=None,
            next_due_at=now,
            issue_id=None,
        )
        for aggregate, minutes, query in PROBED
    }


def probe(database: Database, clock: Clock, file: Path) -> None:
    with file.open("w", buffering=1) as out:
        while not database.is_closed:
            for name, monitor in monitors(clock.now()).items():
                started, cpu = time.perf_counter(), time.thread_time()
                value = measure(database, monitor, clock.now(), 1.0)
                took_ms = (time.perf_counter() - started) * 1000
                cpu_ms = (time.thread_time() - cpu) * 1000
                found = {"monitor": name, "at_s": time.monotonic(), "ms": took_ms, "cpu_ms": cpu_ms, "value": value}
                out.write(json.dumps(found) + "\n")
                time.sleep(PAUSE_S)


def main() -> int:
    settings, clock = load_settings(os.environ), ShiftedClock(timedelta(seconds=float(sys.argv[2])))
    extension = extend(Sources(runs=Path(sys.argv[3]), rules=DEFAULTS.rules))
    app = build_app(settings, clock, load_destinations(settings.channels, os.environ), extension)
    threading.Thread(target=probe, args=(app.database, clock, Path(sys.argv[1])), daemon=True).start()
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, log_level="warning", lifespan="on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
