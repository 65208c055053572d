"""The rehearsal's clock: wall time, and the production time that it stands for."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """The current instant, aware and in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock


def sleep(span: timedelta) -> None:
    """Wait; a pause of polling, never a way to order things."""
    time.sleep(span.total_seconds())


@dataclass(frozen=True, slots=True)
class Pace:
    """Compressed time: at speed 60 a minute of production passes in a second."""

    speed: float  # production seconds per second
    origin: datetime  # wall instant that is production time zero

    def wall(self, production: timedelta) -> timedelta:
        """The wall time that so much production time takes here."""
        return production / self.speed

    def production(self, wall: timedelta) -> timedelta:
        """The production time that passes in so much wall time."""
        return wall * self.speed

    def at(self, moment: datetime) -> timedelta:
        """Production time of a wall instant, counted from the origin."""
        return self.production(moment - self.origin)

    def instant(self, at: timedelta) -> datetime:
        """The wall instant of a production time."""
        return self.origin + self.wall(at)

    def seconds(self, stamp: float) -> timedelta:
        """Production time of an instant in seconds since the epoch, as the ledger has them."""
        return timedelta(seconds=(stamp - self.origin.timestamp()) * self.speed)


def show_span(span: timedelta) -> str:
    """A span as people say it: `45s`, `4m 05s`, `1h 02m`."""
    seconds = round(span.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h {minutes:02d}m"
    return f"{sign}{minutes}m {rest:02d}s" if minutes else f"{sign}{rest}s"
