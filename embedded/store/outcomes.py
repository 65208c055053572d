"""The books: how many items of which category met which outcome, by minute. SQL only."""

from datetime import datetime

import apsw

from embedded.store.times import to_ms


def outcome_rows(
    connection: apsw.Connection, since: datetime, until: datetime
) -> list[tuple[int, int, str, str, str, int]]:
    """(project id, minute in ms, category, outcome, reason, quantity) for the minutes in [since, until)."""
    found = connection.execute(
        "SELECT * FROM outcome_minute WHERE minute_ms >= ? AND minute_ms < ?", (to_ms(since), to_ms(until))
    )
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in found]


def accepted(
    connection: apsw.Connection, project_id: int | None, category: str, since: datetime, until: datetime
) -> int:
    """Return how much of a category was accepted in the minutes that begin in [since, until); None: all projects."""
    total: int = connection.execute(
        "SELECT coalesce(sum(quantity), 0) FROM outcome_minute WHERE (?1 IS NULL OR project_id = ?1) AND category = ?2"
        " AND outcome = 'accepted' AND minute_ms >= ?3 AND minute_ms < ?4",
        (project_id, category, to_ms(since), to_ms(until)),
    ).get
    return total


def accepted_by_category(
    connection: apsw.Connection, project_id: int, since: datetime, until: datetime
) -> dict[str, int]:
    """Category -> what a project had accepted in the minutes that begin in [since, until)."""
    rows = connection.execute(
        "SELECT category, sum(quantity) FROM outcome_minute WHERE project_id = ? AND outcome = 'accepted'"
        " AND minute_ms >= ? AND minute_ms < ? GROUP BY category",
        (project_id, to_ms(since), to_ms(until)),
    )
    return {str(row[0]): int(row[1]) for row in rows}
