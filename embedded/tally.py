"""Sums of requests: slots of the rollups and single requests in, the numbers of monitors and pages out; pure.

Counts and sums are exact. Durations that were added as slots are known by bucket (`store.histogram`), each within 1 %.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from embedded.aggregate import ROUNDING, percentiles
from embedded.records import GOOD_STATUSES
from embedded.store.histogram import BUCKETS, MIDDLES, buckets_of
from embedded.store.slots import Row
from embedded.store.windows import Sample

HALF: Final = 0.5  # counts are whole numbers, in floats that were added and subtracted


@dataclass(slots=True)
class Buckets:
    """Samples, and what they stand for, by bucket."""

    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BUCKETS))
    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BUCKETS))


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

    def add_request(self, duration_ms: float, weight: float, *, is_failed: bool) -> None:
        """Add one request."""
        self._sum(1, weight, weight**2, is_failed=is_failed)
        self._reach(duration_ms, duration_ms)
        self.singles.append((duration_ms, weight))

    def add_rows(self, rows: Sequence[tuple[bool, float, float]], sign: int) -> None:
        """Add (is failed, ms, weight) of requests by bucket, or take them out of the slots where the sign is -1.

        The shortest and the longest stay what they were where some are taken out.
        """
        if not rows:
            return
        failed, durations_ms, weights = np.array(rows, np.float64).T
        self.buckets = self.buckets or Buckets()
        place = buckets_of(durations_ms)
        self.buckets.counts += sign * np.bincount(place, minlength=BUCKETS)
        self.buckets.weights += sign * np.bincount(place, weights, BUCKETS)
        self._sum(sign * len(rows), sign * float(weights.sum()), sign * float((weights**2).sum()), is_failed=False)
        self.failed += sign * int(failed.sum())
        self.failed_weight += sign * float(weights @ failed)
        if sign > 0:
            self._reach(float(durations_ms.min()), float(durations_ms.max()))

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
        held = np.flatnonzero(self.buckets.counts > HALF)
        counts, weights = self.buckets.counts[held].tolist(), self.buckets.weights[held].tolist()
        return found + [
            (self._within(bucket), weight, count)
            for bucket, weight, count in zip(held.tolist(), weights, counts, strict=True)
        ]

    def percentiles(self, shares: Sequence[float]) -> list[float | None]:
        """Return the durations in ms that these shares of the requests do not exceed; None for no requests."""
        if self.buckets and not self.singles:
            return self._of_buckets(self.buckets, shares)
        timed = [(duration_ms, weight) for duration_ms, weight, _ in self.timed()]
        return [*percentiles(timed, shares)] if timed else [None] * len(shares)

    def _of_buckets(self, buckets: Buckets, shares: Sequence[float]) -> list[float | None]:
        """As `percentiles` finds them; buckets are in order already."""
        held = np.flatnonzero(buckets.counts > HALF)
        if not len(held):
            return [None] * len(shares)
        reached = np.cumsum(buckets.weights[held])
        found = np.searchsorted(reached, np.array(shares) * reached[-1] - ROUNDING)
        return [self._within(held[min(int(each), len(held) - 1)]) for each in found]

    def _within(self, bucket: int) -> float:
        """What is said of a bucket: its middle, or the shortest or the longest of all where that is nearer."""
        return min(max(MIDDLES[bucket], self.least_ms), self.most_ms)

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


@dataclass(frozen=True, slots=True)
class Gathered:
    """Slots of the rollups, unpacked once for all that they are grouped by."""

    sums: NDArray[np.float64]  # a row of samples, weight, squares, shortest, longest for each slot
    failed: NDArray[np.bool_]  # of each slot
    lengths: NDArray[np.int64]  # buckets of each slot; what follows is of one slot after the other
    buckets: NDArray[np.int64]
    counts: NDArray[np.float64]
    weights: NDArray[np.float64]

    def grouped(self, groups: Sequence[int], number: int) -> list[Tally]:
        """Add each slot to the group that is named for it, of so many."""
        group = np.asarray(groups, np.int64)
        place = np.repeat(group * BUCKETS, self.lengths) + self.buckets if number > 1 else self.buckets
        counts, weights = (
            np.bincount(place, each, number * BUCKETS).reshape(number, BUCKETS).astype(np.float64)
            for each in (self.counts, self.weights)
        )
        samples, weight, squares, failed, failed_weight = (
            np.bincount(group, each, number)
            for each in (*self.sums[:, :3].T, self.sums[:, 0] * self.failed, self.sums[:, 1] * self.failed)
        )
        least, most = np.full(number, inf), np.zeros(number)
        np.minimum.at(least, group, self.sums[:, 3])
        np.maximum.at(most, group, self.sums[:, 4])
        return [
            Tally(
                samples=round(samples[each]),
                weight=float(weight[each]),
                squares=float(squares[each]),
                failed=round(failed[each]),
                failed_weight=float(failed_weight[each]),
                least_ms=float(least[each]),
                most_ms=float(most[each]),
                buckets=Buckets(counts[each], weights[each]),
            )
            for each in range(number)
        ]


def gather(slots: Sequence[tuple[bool, Row]]) -> Gathered:
    """Unpack (is failed, slot) pairs."""
    unpacked = [np.frombuffer(row[10], chr(row[10][0]), offset=1) for _, row in slots]
    lengths = np.array([len(each) for each in unpacked], np.int64)
    ends = np.cumsum(lengths)
    within = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
    counts = np.concatenate([np.empty(0), *unpacked])
    weights = counts * np.repeat(np.array([row[3] or 0.0 for _, row in slots]), lengths)
    for number, (_, row) in enumerate(slots):
        if row[11] is not None:  # their weights differ
            weights[ends[number] - lengths[number] : ends[number]] = np.frombuffer(row[11])
    return Gathered(
        sums=np.array([(row[0], row[1], row[2], row[7], row[8]) for _, row in slots]).reshape(-1, 5),
        failed=np.array([is_failed for is_failed, _ in slots], np.bool_),
        lengths=lengths,
        buckets=np.repeat(np.array([row[9] for _, row in slots], np.int64), lengths) + within,
        counts=counts,
        weights=weights,
    )
