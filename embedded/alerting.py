"""Spine 2: tick(now): due monitors -> value of their window -> next state -> state and flip in one transaction."""

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from embedded.aggregate import aggregate
from embedded.evaluate import DAMPING, Condition, Level, State, evaluate
from embedded.store.alerts import DueMonitor, Evaluation, due_monitors, postpone, record_evaluation
from embedded.store.database import Database
from embedded.store.windows import Window, samples
from monitors.model import parse_aggregate
from monitors.query import parse_query

log = logging.getLogger(__name__)

# Window of at least so much -> evaluated every so often. Source: Sentry incidents/logic.py, read 2026-11.
CADENCES: Final = (
    (timedelta(days=1), timedelta(minutes=15)),
    (timedelta(hours=4), timedelta(minutes=5)),
    (timedelta(hours=1), timedelta(minutes=3)),
    (timedelta(minutes=30), timedelta(minutes=2)),
    (timedelta(0), timedelta(minutes=1)),
)
SHORTEST_CADENCE: Final = CADENCES[-1][1]


def cadence(window: timedelta) -> timedelta:
    """How often a monitor with this window is evaluated; both in production time."""
    return next(every for at_least, every in CADENCES if window >= at_least)


def tick(database: Database, now: datetime, speed: float) -> int:
    """Evaluate every due monitor and return how many changed. Windows, cadences and damping shrink by `speed`.

    1 due monitors, 2 value, 3 next state, 4 store. One that fails is logged and put back by its cadence; the rest run.
    """
    changed = 0
    for monitor in due_monitors(database.read(), now):  # 1
        next_due = _next_due(monitor, now, speed)
        try:
            value = measure(database, monitor, now, speed)  # 2
            conditions = tuple(Condition(kind, limit, Level(result)) for kind, limit, result in monitor.conditions)
            before = State(Level(monitor.level), monitor.fired_at)
            after, change = evaluate(conditions, value, before, now, DAMPING / speed)  # 3
            done = Evaluation(monitor, value, after.level, after.fired_at, change is not None, now, next_due)
            changed += database.write(partial(record_evaluation, done=done))  # 4
        except Exception:
            log.exception("monitor %s (%s) could not be evaluated", monitor.id, monitor.name)
            database.write(partial(postpone, monitor=monitor, until=next_due))
    return changed


def measure(database: Database, monitor: DueMonitor, now: datetime, speed: float) -> float | None:
    """The monitor's aggregate over its window ending now, or None when there is no data."""
    window = Window(
        monitor.project_id,
        monitor.dataset,
        parse_query(monitor.query),
        monitor.environment,
        now - monitor.window / speed,
        now,
    )
    return aggregate(parse_aggregate(monitor.aggregate), samples(database.read(), window))


def _next_due(monitor: DueMonitor, now: datetime, speed: float) -> datetime:
    """The next multiple of the cadence after the one that was due; missed ones are skipped, not made up for."""
    every = cadence(monitor.window) / speed
    return monitor.next_due_at + every * ((now - monitor.next_due_at) // every + 1)
