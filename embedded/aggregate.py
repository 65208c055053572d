"""Samples of a window -> one number, as Sentry's monitors compute it; pure.

Each sample is weighed by how many requests it stands for (1 / client sample rate), except in min, max and count_unique:
what was not sampled was not seen.
Source: docs.sentry.io extrapolation, failure rate and apdex pages; count of nothing and sum of nothing as Snuba's
aggregations of trace items have them; read 2026-11.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from math import inf
from operator import itemgetter
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


def condense(wanted: Aggregate, samples: Samples) -> list[Sample]:
    """Return fewer samples that count as much, in any window with any others: what it cannot tell apart is one."""
    merged: dict[Sample, float] = {}
    for sample in samples:
        seen = _as_seen(wanted, sample)
        merged[seen] = merged.get(seen, 0.0) + sample.weight
    found = [replace(seen, weight=weight) for seen, weight in merged.items()]
    return _averaged(found) if wanted.function in ("sum", "avg") else found


def _as_seen(wanted: Aggregate, sample: Sample) -> Sample:
    """A sample with only what the aggregate looks at, and no weight."""
    if wanted.function == "count_unique":
        return Sample(None, None, 0, sample.label)
    if wanted.function in ("failure_rate", "failure_count"):
        return Sample(None, "ok" if sample.status in GOOD_STATUSES else "internal_error", 0)
    if wanted.function in OF_ANYTHING:
        return Sample(None, None, 0)
    if wanted.satisfied_ms is not None and sample.duration_ms is not None:
        steps = (wanted.satisfied_ms, TOLERATED * wanted.satisfied_ms, inf)
        return Sample(next(step for step in steps if sample.duration_ms <= step), None, 0)
    return Sample(sample.duration_ms, None, 0)


def _averaged(samples: list[Sample]) -> list[Sample]:
    """One sample at their mean, if they have any weight."""
    timed = [(each.duration_ms, each.weight) for each in samples if each.duration_ms is not None]
    if not (total := sum(weight for _, weight in timed)):
        return samples
    return [Sample(sum(duration * weight for duration, weight in timed) / total, None, total)]


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
    return percentiles(timed, (share,))[0]


def percentiles(timed: Sequence[tuple[float, float]], shares: Sequence[float]) -> list[float]:
    """Return the percentile of each share; at least one pair is given, and they are sorted once."""
    ranked = sorted(timed)
    reached = list(accumulate(map(itemgetter(1), ranked)))
    found = (bisect_left(reached, share * reached[-1] - ROUNDING) for share in shares)
    return [ranked[min(each, len(ranked) - 1)][0] for each in found]


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
