"""Sums of requests: slots of the rollups and single requests in, the numbers of monitors and pages out; pure.

Counts and sums are exact. Durations that were added as slots are known by bucket (`store.histogram`), each within 1 %.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedded.aggregate import percentile
from embedded.records import GOOD_STATUSES
from embedded.store.histogram import BUCKETS, MIDDLES, bucket_of
from embedded.store.slots import Row
from embedded.store.windows import Sample


@dataclass(slots=True)
class Buckets:
    """Samples, and what they stand for, by bucket."""

    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BUCKETS))
    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BUCKETS))


class ReadSlot(NamedTuple):
    """A slot of the rollups, unpacked once for all that it is added to."""

    samples: int
    weight: float
    squares: float
    least_ms: float
    most_ms: float
    here: slice  # which buckets it has
    counts: NDArray[np.integer[Any]]
    weights: NDArray[np.float64]


def read_slot(row: Row) -> ReadSlot:
    """Unpack a row of the rollups."""
    samples, weight, squares, unit, _, _, _, least_ms, most_ms, first, packed, differing = row
    counts = np.frombuffer(packed, dtype=chr(packed[0]), offset=1)
    weights = counts * (unit or 0.0) if differing is None else np.frombuffer(differing)
    return ReadSlot(samples, weight, squares, least_ms, most_ms, slice(first, first + len(counts)), counts, weights)


@dataclass(slots=True)
class Tally:
    """What a group of requests adds up to."""

    samples: int = 0  # stored
    weight: float = 0.0  # the requests that they stand for
    squares: float = 0.0  # sum of weight^2
    failed: int = 0  # stored
    failed_weight: float = 0.0
    least_ms: float = inf
    most_ms: float = 0.0
    singles: list[tuple[float, float]] = field(default_factory=list)  # (ms, weight) of requests added one by one
    buckets: Buckets | None = None  # of what was added as slots

    @property
    def is_exact(self) -> bool:
        """Whether every duration is known, and not only its bucket."""
        return self.buckets is None

    def add_slot(self, slot: ReadSlot, *, is_failed: bool) -> None:
        """Add a slot of the rollups; all of it failed or nothing of it did."""
        self._sum(slot.samples, slot.weight, slot.squares, is_failed=is_failed)
        self._reach(slot.least_ms, slot.most_ms)
        self.buckets = self.buckets or Buckets()
        self.buckets.counts[slot.here] += slot.counts
        self.buckets.weights[slot.here] += slot.weights

    def add_request(self, duration_ms: float, weight: float, *, is_failed: bool) -> None:
        """Add one request."""
        self._sum(1, weight, weight**2, is_failed=is_failed)
        self._reach(duration_ms, duration_ms)
        self.singles.append((duration_ms, weight))

    def take_request(self, duration_ms: float, weight: float, *, is_failed: bool) -> None:
        """Take one request out of the slots; the shortest and the longest stay what they were."""
        self._sum(-1, -weight, -(weight**2), is_failed=is_failed)
        self.buckets = self.buckets or Buckets()
        bucket = bucket_of(duration_ms)
        self.buckets.counts[bucket] -= 1
        self.buckets.weights[bucket] -= weight

    def add(self, other: "Tally") -> None:
        """Add all of another group."""
        self.failed += other.failed
        self.failed_weight += other.failed_weight
        self._sum(other.samples, other.weight, other.squares, is_failed=False)
        self._reach(other.least_ms, other.most_ms)
        self.singles += other.singles
        if other.buckets:
            self.buckets = self.buckets or Buckets()
            self.buckets.counts += other.buckets.counts
            self.buckets.weights += other.buckets.weights

    def timed(self) -> list[tuple[float, float, float]]:
        """Return (ms, weight, samples) of each single request and of each bucket that holds something."""
        found = [(duration_ms, weight, 1.0) for duration_ms, weight in self.singles]
        if self.buckets is None:
            return found
        held = np.flatnonzero(self.buckets.counts > 0.5)  # whole numbers, in floats
        counts, weights = self.buckets.counts[held].tolist(), self.buckets.weights[held].tolist()
        return found + [
            (min(max(MIDDLES[bucket], self.least_ms), self.most_ms), weight, count)
            for bucket, weight, count in zip(held.tolist(), weights, counts, strict=True)
        ]

    def percentiles(self, shares: Sequence[float]) -> list[float | None]:
        """Return the durations in ms that these shares of the requests do not exceed; None for no requests."""
        timed = [(duration_ms, weight) for duration_ms, weight, _ in self.timed()]
        return [percentile(timed, share) if timed else None for share in shares]

    def _sum(self, samples: int, weight: float, squares: float, *, is_failed: bool) -> None:
        self.samples += samples
        self.weight += weight
        self.squares += squares
        if is_failed:
            self.failed += samples
            self.failed_weight += weight

    def _reach(self, least_ms: float, most_ms: float) -> None:
        self.least_ms = min(self.least_ms, least_ms)
        self.most_ms = max(self.most_ms, most_ms)


def tally_of(samples: Iterable[Sample]) -> Tally:
    """Sum single requests up."""
    tally = Tally()
    for each in samples:
        if each.duration_ms is not None:
            tally.add_request(each.duration_ms, each.weight, is_failed=each.status not in GOOD_STATUSES)
    return tally
