"""Stored requests -> the numbers of a page: totals, buckets over time, endpoints; pure.

Rates are of production time, and every request counts for all that it stands for (1 / client sample rate).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from embedded.aggregate import count, failure_count, percentile
from embedded.pages.intervals import total_half_width, wilson
from embedded.records import GOOD_STATUSES
from embedded.store.traffic import Seen
from embedded.store.windows import Sample

SHARES: Final = (0.50, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of a group of requests."""

    samples: int  # stored
    total: float  # that they stand for
    total_half: float  # half of its 95 % interval
    per_second: float
    failed: int  # stored
    failure_rate: float | None
    failure_between: tuple[float, float]  # 95 %, by the stored number
    percentiles_ms: tuple[float | None, ...]  # of SHARES

    @property
    def sample_rate(self) -> float | None:
        """The share that clients kept, by what they say."""
        return self.samples / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One transaction name."""

    name: str
    numbers: Numbers


def numbers_of(samples: Sequence[Sample], span: timedelta) -> Numbers:
    """Sum a group up; `span` is production time."""
    timed = [(each.duration_ms, each.weight) for each in samples if each.duration_ms is not None]
    total = count(samples)
    failed = sum(each.status not in GOOD_STATUSES for each in samples)
    return Numbers(
        samples=len(samples),
        total=total,
        total_half=total_half_width(each.weight for each in samples),
        per_second=total / span.total_seconds(),
        failed=failed,
        failure_rate=failure_count(samples) / total if total else None,
        failure_between=wilson(failed, len(samples)),
        percentiles_ms=tuple(percentile(timed, share) if timed else None for share in SHARES),
    )


def endpoints_of(requests: Sequence[Seen], span: timedelta) -> list[Endpoint]:
    """The endpoints, the busiest first."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for request in requests:
        groups[request.name].append(request.sample)
    found = [Endpoint(name, numbers_of(samples, span)) for name, samples in groups.items()]
    return sorted(found, key=lambda each: (-each.numbers.total, each.name))


def buckets_of(requests: Sequence[Seen], since_ms: int, until_ms: int, steps: int) -> list[list[Sample]]:
    """Cut the time into equal steps, oldest first; what lies outside goes to the nearest."""
    buckets: list[list[Sample]] = [[] for _ in range(steps)]
    for request in requests:
        step = (request.ended_ms - since_ms) * steps // max(until_ms - since_ms, 1)
        buckets[min(max(step, 0), steps - 1)].append(request.sample)
    return buckets
