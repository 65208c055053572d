"""The requests of one combination in one span of time, summed up; pure.

What a slot says of counts, weights and sums is exact. Of durations it keeps how many lie in each bucket.
"""

from array import array
from dataclasses import dataclass, field
from typing import Final

from embedded.store.histogram import bucket_of, pack_counts, unpack_counts

COLUMNS: Final = (
    "samples, weight, squares, unit, weighted_ms, plain_ms, spans, least_ms, most_ms, first, counts, weights"
)
SUMS: Final = ("samples", "weight", "squares", "weighted_ms", "plain_ms", "spans")
Row = tuple[int, float, float, float | None, float, float, float, float, float, int, bytes, bytes | None]


@dataclass(slots=True)
class Slot:
    """Sums that requests are added to and taken from."""

    samples: int = 0  # stored
    weight: float = 0.0  # the requests that they stand for
    squares: float = 0.0  # sum of weight^2: what the interval of their number needs
    unit: float | None = None  # the weight of each, None where they differ
    weighted_ms: float = 0.0  # sum of weight x duration
    plain_ms: float = 0.0  # sum of durations
    spans: float = 0.0  # sum of weight x number of spans
    least_ms: float = 0.0
    most_ms: float = 0.0
    first: int = 0  # the bucket of the first count
    counts: list[int] = field(default_factory=list)  # samples by bucket
    weights: list[float] | None = None  # the same by weight, where those differ

    @classmethod
    def of(cls, row: Row) -> "Slot":
        """Read what `row` wrote."""
        counts, weights = row[10:]
        slot = cls(*row[:10], list(unpack_counts(counts)))
        if weights is not None:
            differing = array("d")
            differing.frombytes(weights)
            slot.weights = list(differing)
        return slot

    def row(self) -> Row:
        """The values of COLUMNS."""
        return (
            self.samples,
            self.weight,
            self.squares,
            self.unit,
            self.weighted_ms,
            self.plain_ms,
            self.spans,
            self.least_ms,
            self.most_ms,
            self.first,
            pack_counts(self.counts),
            None if self.weights is None else array("d", self.weights).tobytes(),
        )

    def add(self, duration_ms: float, weight: float, spans: int) -> None:
        """Count one request in."""
        self._weigh(weight)
        self.least_ms = min(self.least_ms, duration_ms) if self.samples else duration_ms
        self.most_ms = max(self.most_ms, duration_ms) if self.samples else duration_ms
        self._count(duration_ms, weight, spans, 1)

    def take(self, duration_ms: float, weight: float, spans: int) -> None:
        """Count one request out again. The shortest and the longest stay what they were."""
        self._count(duration_ms, weight, spans, -1)

    def merge(self, other: "Slot") -> None:
        """Count all of another slot in."""
        if not other.samples:
            return
        self._weigh(other.unit)
        self.least_ms = min(self.least_ms, other.least_ms) if self.samples else other.least_ms
        self.most_ms = max(self.most_ms, other.most_ms)
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._place(other.first)
        self._place(other.first + len(other.counts) - 1)
        for place, count in enumerate(other.counts, start=other.first - self.first):
            self.counts[place] += count
        if self.weights is not None:
            for place, weight in enumerate(other.by_weight(), start=other.first - self.first):
                self.weights[place] += weight

    def by_weight(self) -> list[float]:
        """The weights by bucket, beside `counts`."""
        return [count * (self.unit or 0.0) for count in self.counts] if self.weights is None else self.weights

    def _weigh(self, unit: float | None) -> None:
        """Keep weights by bucket from the first on that differs; None where those that come differ already."""
        if not self.samples:
            self.unit = unit
            self.weights = None if unit is not None else [0.0] * len(self.counts)
        elif self.unit is not None and self.unit != unit:
            self.weights = self.by_weight()
            self.unit = None

    def _count(self, duration_ms: float, weight: float, spans: int, sign: int) -> None:
        self.samples += sign
        self.weight += sign * weight
        self.squares += sign * weight * weight
        self.weighted_ms += sign * weight * duration_ms
        self.plain_ms += sign * duration_ms
        self.spans += sign * weight * spans
        place = self._place(bucket_of(duration_ms))
        self.counts[place] += sign
        if self.weights is not None:
            self.weights[place] += sign * weight

    def _place(self, bucket: int) -> int:
        """Make room for a bucket and return where it lies."""
        if not self.counts:
            self.first = bucket
        before, after = self.first - bucket, bucket - self.first - len(self.counts) + 1
        if before > 0:
            self.first = bucket
            self.counts[:0] = [0] * before
            if self.weights is not None:
                self.weights[:0] = [0.0] * before
        elif after > 0:
            self.counts += [0] * after
            if self.weights is not None:
                self.weights += [0.0] * after
        return bucket - self.first
