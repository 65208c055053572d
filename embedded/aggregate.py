"""Samples of a window -> one number, as Sentry's monitors compute it; pure.

Each sample is weighed by how many requests it stands for (1 / client sample rate), except in min, max and count_unique:
what was not sampled was not seen.
Source: docs.sentry.io extrapolation, failure rate and apdex pages; count of nothing and sum of nothing as Snuba's
aggregations of trace items have them; read 2026-11.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from embedded.records import GOOD_STATUSES
from embedded.store.windows import Sample
from monitors.model import Aggregate

ROUNDING: Final = 1e-9  # weights are 1 / rate: their sums carry rounding
TOLERATED: Final = 4  # times the satisfied duration
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)
Samples = Sequence[Sample]


def aggregate(wanted: Aggregate, samples: Samples, window: timedelta) -> float | None:
    """Return the aggregate's value: a number, a fraction, or ms; `window` is in production time.

    None means no data, which is not zero: the monitor is then not evaluated. A count of nothing is zero, though.
    Raises ValueError for a function that the engine does not know.
    """
    if wanted.function in OF_ANYTHING:
        return OF_ANYTHING[wanted.function](samples, window)
    if not samples:
        return None
    if wanted.function == "failure_rate":
        return failure_rate(samples)
    timed = [(each.duration_ms, each.weight) for each in samples if each.duration_ms is not None]
    if not timed:
        return None
    if wanted.share is not None:
        return percentile(timed, wanted.share)
    if wanted.satisfied_ms is not None:
        return apdex(timed, wanted.satisfied_ms)
    if wanted.function in OF_DURATIONS:
        return OF_DURATIONS[wanted.function](timed)
    raise ValueError(f"aggregate {str(wanted)!r} is not known")


def count(samples: Samples) -> float:
    """Return how many the samples stand for."""
    return sum(sample.weight for sample in samples)


def failure_count(samples: Samples) -> float:
    """Return how many failed: their status is neither ok, cancelled nor unknown."""
    return sum(sample.weight for sample in samples if sample.status not in GOOD_STATUSES)


def failure_rate(samples: Samples) -> float:
    """Return the weighted share of samples that failed."""
    return failure_count(samples) / count(samples)


def unique(samples: Samples) -> int:
    """Return how many values were seen; not weighed, so sampling lowers it."""
    return len({sample.label for sample in samples if sample.label is not None})


def percentile(timed: Sequence[tuple[float, float]], share: float) -> float:
    """Return the smallest duration that at least `share` of the weight does not exceed, of (duration, weight) pairs."""
    goal = share * sum(weight for _, weight in timed)
    reached = 0.0
    ranked = sorted(timed)
    for duration_ms, weight in ranked:
        reached += weight
        if reached >= goal - ROUNDING:
            return duration_ms
    return ranked[-1][0]


def apdex(timed: Sequence[tuple[float, float]], satisfied_ms: float) -> float:
    """Return (satisfied + tolerating / 2) / all, of (duration, weight) pairs; tolerated is up to four times as long."""
    satisfied = sum(weight for duration_ms, weight in timed if duration_ms <= satisfied_ms)
    bearable = sum(weight for duration_ms, weight in timed if duration_ms <= TOLERATED * satisfied_ms)
    return (satisfied + (bearable - satisfied) / 2) / sum(weight for _, weight in timed)


# These have a value, zero, when there are no samples.
OF_ANYTHING: Final[dict[str, Callable[[Samples, timedelta], float]]] = {
    "count": lambda samples, _: count(samples),
    "count_unique": lambda samples, _: unique(samples),
    "failure_count": lambda samples, _: failure_count(samples),
    "epm": lambda samples, window: count(samples) / (window / MINUTE),
    "eps": lambda samples, window: count(samples) / (window / SECOND),
}
# Of (duration, weight) pairs, at least one.
OF_DURATIONS: Final[dict[str, Callable[[Sequence[tuple[float, float]]], float]]] = {
    "sum": lambda timed: sum(duration * weight for duration, weight in timed),
    "avg": lambda timed: sum(duration * weight for duration, weight in timed) / sum(weight for _, weight in timed),
    "min": lambda timed: min(duration for duration, _ in timed),
    "max": lambda timed: max(duration for duration, _ in timed),
}
