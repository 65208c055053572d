"""A monitor's window, or two of them -> the value that its thresholds are compared with; pure, time is an argument.

  M1  a window slides: it ends at the evaluation, whatever minute that is, and what comes later is not seen
  M2  a percent change is 100 x current / compared, so 100 is no change; Sentry compares that number with the thresholds
  M3  without a value in either window, or with a compared value of zero, there is no value
  M4  cadence grows with the window, and is twice as slow for a percent change
Source: Sentry incidents/logic.py and subscription_processor.py, read 2026-11.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from embedded.aggregate import aggregate
from embedded.store.windows import Sample
from monitors.model import Aggregate

PERCENT: Final = 100.0
# Window of at least so much -> evaluated every so often.
CADENCES: Final = (
    (timedelta(days=1), timedelta(minutes=15)),
    (timedelta(hours=4), timedelta(minutes=5)),
    (timedelta(hours=1), timedelta(minutes=3)),
    (timedelta(minutes=30), timedelta(minutes=2)),
    (timedelta(0), timedelta(minutes=1)),
)
SHORTEST_CADENCE: Final = CADENCES[-1][1]

SamplesBetween = Callable[[datetime, datetime], Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a monitor computes; spans are production time."""

    aggregate: Aggregate
    window: timedelta
    compared_to: timedelta | None  # how much earlier the window lies that it is compared with; None: it is not

    def value(self, samples_between: SamplesBetween, now: datetime, speed: float) -> float | None:
        """Return the value at `now`, None where there is none; windows shrink by `speed`."""
        current = self._at(samples_between, now, speed)  # M1
        if self.compared_to is None:
            return current
        compared = self._at(samples_between, now - self.compared_to / speed, speed)
        return None if current is None or not compared else PERCENT * current / compared  # M2, M3

    def _at(self, samples_between: SamplesBetween, end: datetime, speed: float) -> float | None:
        return aggregate(self.aggregate, samples_between(end - self.window / speed, end), self.window)


def cadence(window: timedelta, compared_to: timedelta | None) -> timedelta:
    """How often a monitor is evaluated (M4); all in production time."""
    every = next(every for at_least, every in CADENCES if window >= at_least)
    return every if compared_to is None else every * 2
