"""The books of one project for its page: sums by category, outcome and reason, and by step of time. SQL only."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from embedded.store.times import to_ms


@dataclass(frozen=True, slots=True)
class BookLine:
    """So many items of a category met this end in one step of time."""

    step: int  # from 0
    category: str
    outcome: str
    reason: str
    quantity: int


def book_lines(
    connection: apsw.Connection, project_id: int, since: datetime, until: datetime, steps: int
) -> list[BookLine]:
    """Sum the minutes that begin in [since, until) into equal steps."""
    start, end = to_ms(since), to_ms(until)
    rows = connection.execute(
        "SELECT min((minute_ms - ?1) * ?3 / (?2 - ?1), ?3 - 1), category, outcome, reason, sum(quantity)"
        " FROM outcome_minute WHERE project_id = ?4 AND minute_ms >= ?1 AND minute_ms < ?2 GROUP BY 1, 2, 3, 4",
        (start, max(end, start + 1), steps, project_id),
    )
    return [BookLine(*row) for row in rows]
