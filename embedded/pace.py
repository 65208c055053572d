"""How fast each receiver may be sent to: its channel's rate, and the pause that a receiver in trouble gets."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from embedded.channels.base import Rate

NO_WAIT = timedelta(0)


@dataclass(frozen=True, slots=True)
class Pace:
    """What was sent to whom of late. In memory: after a restart each receiver starts with a full allowance."""

    _sent: dict[str, deque[datetime]] = field(default_factory=dict)
    _held: dict[str, datetime] = field(default_factory=dict)

    def wait(self, receiver: str, rate: Rate, now: datetime) -> timedelta:
        """Return how long the receiver must be left alone; zero if it may be sent to now."""
        held = self._held.get(receiver, now) - now
        recent = self._sent.get(receiver, deque())
        full = recent[0] + rate.per - now if len(recent) >= rate.count else NO_WAIT
        return max(held, full, NO_WAIT)

    def note(self, receiver: str, rate: Rate, now: datetime) -> None:
        """Count one attempt."""
        self._sent.setdefault(receiver, deque(maxlen=rate.count)).append(now)

    def hold(self, receiver: str, until: datetime) -> None:
        """Leave the receiver alone until then."""
        self._held[receiver] = until
