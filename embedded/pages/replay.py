"""A monitor over stored data: its value at each past evaluation, and what given thresholds make of it; pure.

The values, the states and the damping are those of the engine's own code, so what is shown is what was evaluated.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from embedded.alerting import measure_of
from embedded.evaluate import DAMPING, Condition, Level, State, evaluate
from embedded.measure import cadence
from embedded.store.alerts import DueMonitor
from embedded.store.times import to_ms
from embedded.store.windows import Sample


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation."""

    at: datetime
    value: float | None
    samples: int  # stored, in its window


@dataclass(frozen=True, slots=True)
class Breach:
    """From leaving ok to being ok again."""

    start: datetime
    end: datetime | None  # None: it lasts
    peak: Level
    value: float  # at the start


def evaluation_times(monitor: DueMonitor, last: datetime, since: datetime, most: int, speed: float) -> list[datetime]:
    """Return the last `most` evaluations from `since` to `last`, oldest first."""
    every = cadence(monitor.window, monitor.compared_to) / speed
    count = min(int((last - since) / every) + 1, most)
    return [last - every * number for number in reversed(range(max(count, 0)))]


def reach(monitor: DueMonitor, speed: float) -> timedelta:
    """How far before an evaluation its samples lie."""
    return (monitor.window + (monitor.compared_to or timedelta(0))) / speed


def replay(
    monitor: DueMonitor, timed: Sequence[tuple[int, Sample]], times: Sequence[datetime], speed: float
) -> list[Point]:
    """Evaluate the monitor at each of the times; `timed` is (ms, sample), oldest first."""
    moments = [at_ms for at_ms, _ in timed]
    samples = [each if monitor.is_weighted else replace(each, weight=1.0) for _, each in timed]

    def between(since: datetime, until: datetime) -> Sequence[Sample]:
        return samples[bisect_left(moments, to_ms(since)) : bisect_left(moments, to_ms(until))]

    measure = measure_of(monitor)
    return [Point(at, measure.value(between, at, speed), len(between(at - monitor.window / speed, at))) for at in times]


def breaches(points: Sequence[Point], conditions: tuple[Condition, ...], speed: float) -> list[Breach]:
    """Return what these thresholds would have opened, oldest first, from a monitor that is ok at the start."""
    state = State(Level.OK, None)
    found: list[Breach] = []
    for point in points:
        state, change = evaluate(conditions, point.value, state, point.at, DAMPING / speed)
        if change is None or point.value is None:
            continue
        if change.before is Level.OK:
            found.append(Breach(point.at, None, change.after, point.value))
        elif change.after is Level.OK:
            found[-1] = replace(found[-1], end=point.at)
        else:
            found[-1] = replace(found[-1], peak=max(found[-1].peak, change.after))
    return found


def edited(conditions: tuple[Condition, ...], high: float | None, resolve: float | None) -> tuple[Condition, ...]:
    """Return the conditions with other numbers; None keeps one."""
    numbers = {Level.HIGH: high, Level.OK: resolve}
    return tuple(
        each if (number := numbers.get(each.result)) is None else replace(each, comparison=number)
        for each in conditions
    )
