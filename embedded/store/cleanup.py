"""Deleting what is too old or too much, a bounded number of rows at a time, out of the sums too. SQL only."""

from datetime import datetime
from typing import Final

import apsw

from embedded.store.rollups import Counted, take_requests
from embedded.store.times import to_ms

BOOKS: Final = ("outcome_minute", "session_minute")
_OLD_REQUESTS: Final = (  # by the window's index
    "SELECT id FROM request_span WHERE project_id IN (SELECT id FROM project) AND ended_ms < ? LIMIT ?"
)
_OLD_ERRORS: Final = (
    "SELECT id FROM error_event WHERE project_id IN (SELECT id FROM project) AND occurred_ms < ? LIMIT ?"
)


def used_bytes(connection: apsw.Connection) -> int:
    """Return how much of the file is in use; pages of deleted rows are free and are used again."""
    pages: int = connection.pragma("page_count")
    free: int = connection.pragma("freelist_count")
    size: int = connection.pragma("page_size")
    return (pages - free) * size


def delete_telemetry(connection: apsw.Connection, until: datetime, limit: int) -> int:
    """Delete requests and errors from before `until`, at most `limit` of each; return how many."""
    bound = (to_ms(until), limit)
    return _delete_requests(connection, _OLD_REQUESTS, bound) + _delete_errors(connection, _OLD_ERRORS, bound)


def delete_oldest(connection: apsw.Connection, limit: int) -> int:
    """Delete the requests and errors that were received first, at most `limit` of each; return how many.

    `id` grows with the time of receipt.
    """
    requests = _delete_requests(connection, "SELECT id FROM request_span ORDER BY id LIMIT ?", (limit,))
    return requests + _delete_errors(connection, "SELECT id FROM error_event ORDER BY id LIMIT ?", (limit,))


def delete_books(connection: apsw.Connection, until: datetime) -> int:
    """Delete the minutes before `until`; return how many rows."""
    deleted = 0
    for table in BOOKS:
        connection.execute(f"DELETE FROM {table} WHERE minute_ms < ?", (to_ms(until),))  # noqa: S608 - names of ours
        deleted += connection.changes()
    return deleted


def _delete_requests(connection: apsw.Connection, wanted: str, bound: tuple[int, ...]) -> int:
    """Delete the requests of these ids, their payloads, and their share of the rollups."""
    gone = list(
        connection.execute(
            f"DELETE FROM request_span WHERE id IN ({wanted})"  # noqa: S608 - no input in it
            " RETURNING id, project_id, key_id, ended_ms, duration_ms, weight, span_count",
            bound,
        )
    )
    connection.executemany("DELETE FROM request_payload WHERE id = ?", [(row[0],) for row in gone])
    take_requests(connection, [Counted(*row[1:]) for row in gone])
    return len(gone)


def _delete_errors(connection: apsw.Connection, wanted: str, bound: tuple[int, ...]) -> int:
    connection.execute(f"DELETE FROM error_event WHERE id IN ({wanted})", bound)  # noqa: S608 - no input in it
    return connection.changes()
