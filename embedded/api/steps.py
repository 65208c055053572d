"""Periods and their equal steps, as the endpoints that count by the hour take them."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from embedded.api.context import invalid
from embedded.store.times import to_ms

UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MIN_INTERVAL: Final = timedelta(hours=1)
MAX_PERIOD: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Steps:
    """A period that ends with the step that now lies in."""

    since: datetime
    until: datetime
    step: timedelta

    @property
    def starts(self) -> list[datetime]:
        return [self.since + self.step * number for number in range((self.until - self.since) // self.step)]

    def index(self, moment_ms: int) -> int:
        """The step that a stored instant of the period lies in, from 0."""
        return (moment_ms - to_ms(self.since)) // (self.step // timedelta(milliseconds=1))


def read_steps(now: datetime, period: str, interval: str) -> Steps:
    """Whole steps of at least an hour that cover the period. Raises a 400 for what is no span."""
    step = max(parse_period(interval, "interval"), MIN_INTERVAL)
    until = _ceiling(now, step)
    return Steps(until - step * -(-parse_period(period) // step), until, step)


def parse_period(text: str, field: str = "statsPeriod") -> timedelta:
    """`30m`, `6h`, `1d` or `2w` as a span. Raises a 400 that blames `field` for anything else or more than 90 days."""
    match = re.fullmatch(r"([0-9]{1,4})([mhdw])", text)
    span = int(match[1]) * UNITS[match[2]] if match else timedelta(0)
    if not timedelta(0) < span <= MAX_PERIOD:
        raise invalid(field, f"{text!r}: write for example 30m, 6h or 1d, at most 90d")
    return span


def _ceiling(moment: datetime, step: timedelta) -> datetime:
    """The end of the step that `moment` lies in."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + step * ((moment - midnight) // step + 1)
