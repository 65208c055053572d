"""Samples of a window -> one number, as Sentry's monitors compute it; pure.

count, failure_rate and percentiles weigh each sample by how many requests it stands for (1 / client sample rate).
Source: docs.sentry.io extrapolation and failure rate pages, read 2026-11.
"""

from collections.abc import Sequence
from typing import Final

from embedded.records import GOOD_STATUSES
from embedded.store.windows import Sample
from monitors.model import Aggregate

ROUNDING: Final = 1e-9  # weights are 1 / rate: their sums carry rounding


def aggregate(wanted: Aggregate, samples: Sequence[Sample]) -> float | None:
    """Return the aggregate's value: a number for count, a fraction for failure_rate, ms for percentiles.

    None means no data, which is not zero: the monitor is then not evaluated. A count of nothing is zero, though.
    Raises ValueError for a function that the engine does not know.
    """
    if wanted.function == "count":
        return sum(sample.weight for sample in samples)
    if not samples:
        return None
    if wanted.function == "failure_rate":
        return failure_rate(samples)
    if wanted.share is not None:
        return percentile(samples, wanted.share)
    raise ValueError(f"aggregate {str(wanted)!r}: known are count(), failure_rate() and percentiles")


def failure_rate(samples: Sequence[Sample]) -> float:
    """Return the weighted share of samples whose status is neither ok, cancelled nor unknown."""
    total = sum(sample.weight for sample in samples)
    failed = sum(sample.weight for sample in samples if sample.status not in GOOD_STATUSES)
    return failed / total


def percentile(samples: Sequence[Sample], share: float) -> float | None:
    """Return the smallest duration (ms) that at least `share` of the weight does not exceed; None without durations."""
    ranked = sorted((sample.duration_ms, sample.weight) for sample in samples if sample.duration_ms is not None)
    goal = share * sum(weight for _, weight in ranked)
    reached = 0.0
    for duration_ms, weight in ranked:
        reached += weight
        if reached >= goal - ROUNDING:
            return duration_ms
    return ranked[-1][0] if ranked else None
