"""Sums of requests -> the numbers of a page: totals, endpoints; pure.

Rates are of production time, and every request counts for all that it stands for (1 / client sample rate).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from embedded.pages.intervals import percentile_shares, total_half_width, wilson
from embedded.tally import Tally

P95: Final = 0.95
SHARES: Final = (0.50, P95, 0.99)
Between = tuple[float | None, float | None]  # an interval; None is an end that is not known


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
    def per_second_half(self) -> float:
        """Half of the rate's 95 % interval: the span is known, the total is not."""
        return self.per_second * self.total_half / self.total if self.total else 0.0

    @property
    def sample_rate(self) -> float | None:
        """The share that clients kept, by what they say."""
        return self.samples / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One transaction name."""

    name: str
    numbers: Numbers


def numbers_of(tally: Tally, span: timedelta) -> Numbers:
    """Write a group's numbers; `span` is production time."""
    total = tally.weight
    return Numbers(
        samples=tally.samples,
        total=total,
        total_half=total_half_width(tally.weight, tally.squares),
        per_second=total / span.total_seconds(),
        failed=tally.failed,
        failure_rate=tally.failed_weight / total if total else None,
        failure_between=wilson(tally.failed, tally.samples),
        percentiles_ms=tuple(tally.percentiles(SHARES)),
    )


def percentile_between(tally: Tally, share: float) -> Between:
    """Return the 95 % interval of a percentile, in ms.

    Samples of different weights count for as many of one weight as would be as sure: (sum of w)^2 / sum of w^2.

    Source: Kish 1965, Survey Sampling, section 8.2.
    """
    if not tally.samples:
        return None, None
    low, high = percentile_shares(share, tally.weight**2 / tally.squares)
    least, most = tally.percentiles((low or 0.0, high or 1.0))
    return (None if low is None else least), (None if high is None else most)


def endpoints_of(names: Mapping[str, Tally], span: timedelta) -> list[Endpoint]:
    """The endpoints, the busiest first."""
    found = [Endpoint(name, numbers_of(tally, span)) for name, tally in names.items()]
    return sorted(found, key=lambda each: (-each.numbers.total, each.name))
