"""Keeps the store within bounds while it runs: what is older than the retention goes, and the oldest of too much.

A little at a time, each in a commit of its own, so that ingest never waits long. Issues stay: they are small, and what
happens again must find its own. Freed pages are used again, so the file stops growing; it does not shrink.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import apsw

from embedded.store.cleanup import delete_books, delete_oldest, delete_telemetry, used_bytes
from embedded.store.database import Database
from embedded.store.request_keys import forget_keys

log = logging.getLogger(__name__)
CHUNK_ROWS: Final = 500  # per commit: some milliseconds
MAX_CHUNKS: Final = 200  # per pass; the next pass goes on


def enforce(database: Database, now: datetime, retention: timedelta, max_bytes: int) -> int:
    """Delete what is too old, then the oldest requests and errors until the rest fits; return the number of rows."""
    until = now - retention
    deleted = _repeat(database, lambda connection: delete_telemetry(connection, until, CHUNK_ROWS))
    deleted += database.write(lambda connection: delete_books(connection, until))

    def delete_excess(connection: apsw.Connection) -> int:
        return delete_oldest(connection, CHUNK_ROWS) if used_bytes(connection) > max_bytes else 0

    deleted += _repeat(database, delete_excess)
    if deleted:
        database.write(forget_keys)
        log.info("retention: %d rows deleted", deleted)
    return deleted


def _repeat(database: Database, delete: Callable[[apsw.Connection], int]) -> int:
    """Delete chunk by chunk until nothing is left to delete or the pass is over."""
    deleted = 0
    for _ in range(MAX_CHUNKS):
        chunk = database.write(delete)
        deleted += chunk
        if chunk == 0:
            break
    return deleted
