"""A monitor and its streams -> values tick by tick, and what the engine's own evaluator makes of them; vectorised.

A step of time is the longest that window, cadence and comparison are multiples of. Counts of each stream and step are
Poisson; a window is a sum of steps. What is additive over requests (count, failures, sums, apdex) is summed before the
window slides, the rest (percentiles, min, max) is read off the counts of the window. Values are compared by the
monitor's own thresholds, and the state machine is `embedded.evaluate`, on a manual clock, asked only where it can
change its mind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import Final

import numpy as np
from numpy.typing import NDArray

from embedded.aggregate import TOLERATED
from embedded.evaluate import COMPARISONS, Condition, Level, State, evaluate
from embedded.measure import PERCENT, cadence
from monitors.model import Monitor, Priority
from rehearsal.cost.mix import Floats, Mix
from rehearsal.errors import UsageError

MINUTE: Final = timedelta(minutes=1)
START: Final = datetime(2026, 1, 1, tzinfo=UTC)  # of the manual clock; any instant does
LEVELS: Final = {Priority.HIGH: Level.HIGH, Priority.MEDIUM: Level.MEDIUM, Priority.RESOLVED: Level.OK}
ROUNDING: Final = 1e-9
UNKNOWN: Final = ("count_unique",)  # depends on which values come, of which nothing is assumed


@dataclass(frozen=True, slots=True)
class Clockwork:
    """A monitor's spans in steps."""

    step: timedelta
    window: int
    every: int
    back: int  # to the compared window; 0: none

    @property
    def history(self) -> int:
        """Steps before the first value."""
        return self.window + self.back


def clockwork(monitor: Monitor) -> Clockwork:
    """Return the spans of a monitor. Raises UsageError if its values cannot be simulated."""
    if monitor.aggregate.function in UNKNOWN:
        raise UsageError(
            f"{monitor.source}: {monitor.name} counts different values; its power is not known, since nothing"
            " says which values a fault brings: watch count() of the same query, or let a drill show it (rehearse run)"
        )
    spans = [monitor.window, cadence(monitor.window, monitor.compared_to), monitor.compared_to or timedelta(0)]
    minutes = [round(span / MINUTE) for span in spans]
    step = gcd(*minutes)
    window, every, back = (each // step for each in minutes)
    return Clockwork(step * MINUTE, window, every, back)


def draw(mix: Mix, step: timedelta, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return counts of shape (*shape, streams): how many of each stream came in each step."""
    return rng.poisson(mix.per_second * step.total_seconds(), (*shape, mix.per_second.size))


def values(monitor: Monitor, clock: Clockwork, mix: Mix, counts: NDArray[np.int64]) -> Floats:
    """Return the monitor's values, shape (..., evaluations); NaN where there is no value.

    `counts` is (..., steps, streams); the first evaluation is at the end of the first whole window, with comparison.
    """
    current = _windowed(monitor, clock, mix, counts)
    if clock.back:
        earlier, current = current[..., : -clock.back], current[..., clock.back :]
        with np.errstate(divide="ignore", invalid="ignore"):
            current = np.where(earlier > 0, PERCENT * current / earlier, np.nan)
    return np.asarray(current[..., :: clock.every], dtype=np.float64)


def _windowed(monitor: Monitor, clock: Clockwork, mix: Mix, counts: NDArray[np.int64]) -> Floats:
    function = monitor.aggregate.function
    if function in SORTED or monitor.aggregate.share is not None:
        return _sorted_value(monitor, mix, _slide(counts, clock.window))
    features = np.stack([mix.weight, *_features(monitor, mix)], axis=1)
    sums = _slide(counts.astype(np.float64) @ features, clock.window)  # of integers, numpy multiplies slowly
    with np.errstate(divide="ignore", invalid="ignore"):
        return ADDITIVE[function](sums, monitor.window)


def _features(monitor: Monitor, mix: Mix) -> list[Floats]:
    match monitor.aggregate.function:
        case "failure_rate" | "failure_count":
            return [mix.weight * mix.is_bad]
        case "avg" | "sum":
            return [mix.weight * mix.duration_ms]
        case "apdex":
            limit = monitor.aggregate.satisfied_ms or 0.0
            score = (mix.duration_ms <= limit) / 2 + (mix.duration_ms <= TOLERATED * limit) / 2
            return [mix.weight * score]
        case _:
            return []


# (sums of weight and of the feature over a window, window) -> value; a division by nothing is NaN, which is no value.
ADDITIVE: Final[dict[str, Callable[[Floats, timedelta], Floats]]] = {
    "count": lambda sums, _: sums[..., 0],
    "epm": lambda sums, window: sums[..., 0] / (window / MINUTE),
    "eps": lambda sums, window: sums[..., 0] / window.total_seconds(),
    "failure_count": lambda sums, _: sums[..., 1],
    "failure_rate": lambda sums, _: sums[..., 1] / sums[..., 0],
    "avg": lambda sums, _: sums[..., 1] / sums[..., 0],
    "apdex": lambda sums, _: sums[..., 1] / sums[..., 0],
    "sum": lambda sums, _: np.where(sums[..., 0] > 0, sums[..., 1], np.nan),
}
SORTED: Final = ("min", "max")


def _sorted_value(monitor: Monitor, mix: Mix, windows: Floats) -> Floats:
    """Minimum, maximum or percentile of the durations in each window."""
    order = np.argsort(mix.duration_ms)
    durations, counts = mix.duration_ms[order], windows[..., order]
    share = monitor.aggregate.share
    if share is None:
        counts = counts if monitor.aggregate.function == "min" else counts[..., ::-1]
        durations = durations if monitor.aggregate.function == "min" else durations[::-1]
        found = (counts > 0).argmax(axis=-1)
    else:
        reached = np.cumsum(counts * mix.weight[order], axis=-1)
        found = (reached >= share * reached[..., -1:] - ROUNDING).argmax(axis=-1)
    return np.where(counts.sum(axis=-1) > 0, durations[found], np.nan)


def _slide(steps: NDArray[np.int64] | Floats, width: int) -> Floats:
    """Sum over a window that slides along the second last axis, or the last of features."""
    sums = np.cumsum(steps, axis=-2, dtype=np.float64)
    sums[..., width:, :] -= sums[..., :-width, :].copy()
    return np.asarray(np.round(sums[..., width - 1 :, :], 6))


def conditions(monitor: Monitor) -> tuple[Condition, ...]:
    """Return the monitor's thresholds as the evaluator takes them."""
    return tuple(Condition(each.comparison, each.value, LEVELS[each.priority]) for each in monitor.thresholds)


def breaches(monitor: Monitor, found: Floats) -> NDArray[np.bool_]:
    """Return where a monitor that is ok would fire. No value is no breach."""
    over = np.zeros(found.shape, dtype=np.bool_)
    for each in conditions(monitor):
        if each.result is not Level.OK:
            with np.errstate(invalid="ignore"):
                over |= COMPARISONS_OF_ARRAYS[each.type](found, each.comparison)
    return over


COMPARISONS_OF_ARRAYS: Final[dict[str, Callable[[Floats, float], NDArray[np.bool_]]]] = {
    "gt": np.greater,
    "gte": np.greater_equal,
    "lt": np.less,
    "lte": np.less_equal,
}
assert COMPARISONS_OF_ARRAYS.keys() == COMPARISONS.keys()  # noqa: S101 - one table each for numbers and for arrays


def count_firings(monitor: Monitor, found: Floats) -> int:
    """Return how often the evaluator leaves ok over these values, one per evaluation.

    It is asked where a threshold is crossed and at the evaluation after that: elsewhere the state is ok and stays so.
    """
    every, rules = cadence(monitor.window, monitor.compared_to), conditions(monitor)
    over = breaches(monitor, found)
    # An issue that is open stays open until its own resolve threshold is met: ask until then.
    state, fired = State(Level.OK, None), 0
    starts = np.flatnonzero(over)
    at, size = 0, found.size
    while at < size:
        if state.level is Level.OK:
            later = np.searchsorted(starts, at)
            if later == starts.size:
                break
            at = int(starts[later])
        value = float(found[at])
        state, change = evaluate(rules, None if np.isnan(value) else value, state, START + at * every)
        fired += change is not None and change.before is Level.OK
        at += 1
    return fired
