"""What arrived of the requests that callers sent, by endpoint, without those that may still be on their way.

A transaction leaves the service's process seconds after its request: under load, a queue is before it. A rate that
counted the newest requests as sent would look low until they came, so both sides end before them.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import apsw

from embedded.pages.frame import Scope
from embedded.pages.intervals import wilson
from embedded.pages.load import Load
from embedded.store import traffic
from embedded.store.times import from_ms

ARRIVING: Final = timedelta(seconds=15)  # wall time; three times what the SDK keeps of what it sends in batches
MAX_RECENT: Final = 3_000  # requests that are looked at; under more load, less than ARRIVING is left out
SECOND: Final = timedelta(seconds=1)

Sent = Callable[[datetime, datetime], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Effective:
    """What arrived of an endpoint's requests."""

    arrived: int
    sent: int  # 0: all of them may be on their way

    @property
    def rate(self) -> float | None:
        return min(1.0, self.arrived / self.sent) if self.sent else None

    @property
    def between(self) -> tuple[float, float]:
        """95 %."""
        return wilson(min(self.arrived, self.sent), self.sent)


def effective_rates(reader: apsw.Connection, scope: Scope, load: Load, sent: Sent) -> dict[str, Effective]:
    """Endpoint -> the share of its requests that arrived, where somebody counts what is sent."""
    if load.newest is None or not sent(load.since, scope.now):
        return {}
    settled, recent = _recent(reader, scope, load.newest)
    counted, late = sent(load.since, settled), sent(settled, scope.now)
    return {
        name: Effective(max(0, tally.samples - recent[name]), counted.get(name, 0))
        for name, tally in load.names.items()
        if counted.get(name) or late.get(name)
    }


def _recent(reader: apsw.Connection, scope: Scope, newest: datetime) -> tuple[datetime, Counter[str]]:
    """Return the whole second before which what was sent should be here, and what arrived of later requests.

    Nothing arrives while a service is down, and what it was sent then may come when it is back: so the newest ends it.
    """
    settled = min(newest, scope.now - ARRIVING).replace(microsecond=0)
    found = traffic.newest_requests(reader, scope.project.id, settled, scope.now, MAX_RECENT)
    if len(found) == MAX_RECENT:
        settled = from_ms(found[-1].ended_ms).replace(microsecond=0) + SECOND
    begun = ((each.name, began(each)) for each in found)
    return settled, Counter(name for name, at in begun if at >= settled)


def began(request: traffic.Seen) -> datetime:
    """When the service took it up."""
    return from_ms(request.ended_ms) - timedelta(milliseconds=request.sample.duration_ms or 0)
