"""Deleting what is too old or too much, a bounded number of rows at a time. SQL only."""

from datetime import datetime
from typing import Final

import apsw

from embedded.store.times import to_ms

# Table -> the time of a row; `id` grows with the time of receipt.
TELEMETRY: Final = {"request_span": "ended_ms", "error_event": "occurred_ms"}
BOOKS: Final = ("outcome_minute", "session_minute")


def used_bytes(connection: apsw.Connection) -> int:
    """Return how much of the file is in use; pages of deleted rows are free and are used again."""
    pages: int = connection.pragma("page_count")
    free: int = connection.pragma("freelist_count")
    size: int = connection.pragma("page_size")
    return (pages - free) * size


def delete_telemetry(connection: apsw.Connection, until: datetime, limit: int) -> int:
    """Delete requests and errors from before `until`, at most `limit` of each; return how many."""
    deleted = 0
    for table, column in TELEMETRY.items():
        connection.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table}"  # noqa: S608 - names of ours
            f" WHERE project_id IN (SELECT id FROM project) AND {column} < ? LIMIT ?)",  # by the window's index
            (to_ms(until), limit),
        )
        deleted += connection.changes()
    return deleted


def delete_oldest(connection: apsw.Connection, limit: int) -> int:
    """Delete the requests and errors that were received first, at most `limit` of each; return how many."""
    deleted = 0
    for table in TELEMETRY:
        connection.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT ?)", (limit,))  # noqa: S608
        deleted += connection.changes()
    return deleted


def delete_books(connection: apsw.Connection, until: datetime) -> int:
    """Delete the minutes before `until`; return how many rows."""
    deleted = 0
    for table in BOOKS:
        connection.execute(f"DELETE FROM {table} WHERE minute_ms < ?", (to_ms(until),))  # noqa: S608
        deleted += connection.changes()
    return deleted
