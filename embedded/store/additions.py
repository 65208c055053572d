"""What the jobs of one commit add to sums: collected, added up, and written once for each sum, in the same transaction.

A group of envelopes touches the same few sums again and again; one statement each instead of one for each envelope.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import apsw

from embedded.store.rollups import Counted, add_requests
from embedded.store.rows import insert_rows


@dataclass(frozen=True, slots=True)
class Booked:
    """A line of the books: so many items of a category met this end in this minute."""

    project_id: int
    minute_ms: int
    category: str
    outcome: str
    reason: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Additions:
    """What one job adds. A job that returns it leaves the adding to the end of its commit."""

    booked: tuple[Booked, ...] = ()
    requests: tuple[Counted, ...] = ()


def add_up(connection: apsw.Connection, additions: Iterable[Additions]) -> None:
    """Write the sums of all of them; within the transaction of the jobs that they are of."""
    quantities: Counter[tuple[int, int, str, str, str]] = Counter()
    requests: list[Counted] = []
    for each in additions:
        requests += each.requests
        for line in each.booked:
            quantities[line.project_id, line.minute_ms, line.category, line.outcome, line.reason] += line.quantity
    insert_rows(
        connection,
        "INSERT INTO outcome_minute VALUES",
        [(*line, quantity) for line, quantity in quantities.items()],
        "ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity",
    )
    add_requests(connection, requests)
