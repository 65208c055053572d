"""The measured service of a project and period, kept for a minute, so that questions about it stay the same so long."""

from datetime import datetime, timedelta
from typing import Final

import apsw

from embedded.categories import ERROR
from embedded.pages.frame import Scope
from embedded.store.outcomes import accepted
from embedded.store.periods import Period, sums_by
from embedded.store.rollups import MINUTE_MS
from embedded.store.times import to_ms
from embedded.store.traffic import error_shares, first_request_at
from rehearsal.console.measured import Measured, measure

FRESH: Final = timedelta(minutes=1)  # longer than an answer takes, or one would never be there
SECOND: Final = timedelta(seconds=1)
KEPT: Final = 100  # snapshots
Found = tuple[int, Measured | None]  # stored requests, and the service that they show


class Snapshots:
    """Measures services; may be asked from any thread."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], tuple[datetime, Found]] = {}

    def of(self, reader: apsw.Connection, scope: Scope) -> Found:
        """How many requests are stored of the period, in whole minutes, and the service; too few are counted anew."""
        key = (scope.project.id, scope.period)
        at, found = self._kept.get(key, (scope.now, (0, None)))
        if found[1] is None or scope.now - at >= FRESH:
            found = _measured(reader, scope)
            self._kept = dict(list(self._kept.items())[1 - KEPT :]) | {key: (scope.now, found)}
        return found


def _measured(reader: apsw.Connection, scope: Scope) -> Found:
    project_id, first = scope.project.id, first_request_at(reader, scope.project.id)
    if first is None:
        return 0, None
    start = scope.since.replace(second=0, microsecond=0)
    span = (scope.now - max(start, first)) * scope.speed
    sums = sums_by(reader, Period(project_id, to_ms(start), to_ms(scope.now) // MINUTE_MS * MINUTE_MS + MINUTE_MS))
    events = accepted(reader, project_id, ERROR, start, scope.now)
    errors = {name: share * events for name, share in error_shares(reader, project_id, start, scope.now).items()}
    return sum(each.samples for each in sums.values()), measure(sums, errors, max(span, SECOND))
