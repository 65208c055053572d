"""Spine 2: tick(now): due monitors -> value of their window -> next state -> state and flip in one transaction."""

import logging
from datetime import datetime
from functools import partial

import apsw

from embedded.evaluate import DAMPING, Condition, Level, State, evaluate
from embedded.measure import Measure, cadence
from embedded.store.alerts import (
    DueMonitor,
    Evaluation,
    capture_events,
    due_monitors,
    has_new_events,
    postpone,
    record_evaluation,
)
from embedded.store.database import Database
from embedded.store.windows import Sample, Window
from embedded.windowed import window_samples
from monitors.model import parse_aggregate
from monitors.query import parse_query

log = logging.getLogger(__name__)


def tick(database: Database, now: datetime, speed: float) -> int:
    """Evaluate every due monitor and return how many changed. Windows, cadences and damping shrink by `speed`.

    0 new events for alerts on every event, 1 due monitors, 2 value, 3 next state, 4 store. A monitor that fails is
    logged and put back by its cadence; the rest run. A store that is closed meanwhile ends the tick.
    """
    changed = 0
    if has_new_events(database.read()):  # 0
        changed += database.write(partial(capture_events, now=now))
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
            if database.is_closed:  # the engine stops; nothing of this is the monitor's fault
                return changed
            log.exception("monitor %s (%s) could not be evaluated", monitor.id, monitor.name)
            database.write(partial(postpone, monitor=monitor, until=next_due))
    return changed


def measure_of(monitor: DueMonitor) -> Measure:
    """What the monitor computes. Raises AggregateError for an aggregate that the engine does not know."""
    return Measure(parse_aggregate(monitor.aggregate), monitor.window, monitor.compared_to)


def measure(database: Database, monitor: DueMonitor, now: datetime, speed: float) -> float | None:
    """The monitor's value over its window ending now, or None when there is no data."""
    value, _ = measure_window(database.read(), monitor, now, speed)
    return value


def measure_window(
    connection: apsw.Connection, monitor: DueMonitor, now: datetime, speed: float
) -> tuple[float | None, int]:
    """The monitor's value over its window ending now, and on how many stored samples it stands."""
    wanted = measure_of(monitor)
    stored: list[int] = []  # of the window, then of the one that it is compared with

    def samples_between(since: datetime, until: datetime) -> list[Sample]:
        query = parse_query(monitor.query)
        window = Window(monitor.project_id, monitor.dataset, query, monitor.environment, since, until)
        found = window_samples(connection, window, wanted.aggregate, is_weighted=monitor.is_weighted)
        stored.append(found.stored)
        return found.samples

    return wanted.value(samples_between, now, speed), stored[0]


def _next_due(monitor: DueMonitor, now: datetime, speed: float) -> datetime:
    """The next multiple of the cadence after the one that was due; missed ones are skipped, not made up for."""
    every = cadence(monitor.window, monitor.compared_to) / speed
    return monitor.next_due_at + every * ((now - monitor.next_due_at) // every + 1)
