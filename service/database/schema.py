"""Bring the schema up to date. Any number of processes may try at once: one does it, the others find it done.

PostgreSQL: an advisory lock that ends with the transaction. SQLite: a transaction that is a writer from its first
statement. In both all migrations are one transaction, so that a crash leaves the old schema.
"""

from typing import Final

import pysqlite3
import stamina
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from service.database.engine import Database

LOCK_KEY: Final = 0x49534C  # "ISL": one lock per PostgreSQL database
LOCK_TIMEOUT_MS: Final = 30_000  # for the migrations of whoever came first
WAL_TIMEOUT_S: Final = 10.0  # SQLite does not wait by itself when two connections switch at once


class Schema:
    """The schema of one process' database; it asks for migrations until they have been made once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_current = False

    def check(self) -> None:
        """Raise IslError (ISL_SERVICE_UNAVAILABLE) unless the database answers and its schema is up to date."""
        if self._is_current:
            self._database.check()
            return
        upgrade(self._database)
        self._is_current = True


def upgrade(database: Database) -> str:
    """Run what is missing and return the revision; a no-op that reads one row where nothing is.

    Raises IslError (ISL_SERVICE_UNAVAILABLE) when the database cannot be reached.
    """
    config = _configure()
    head = ScriptDirectory.from_config(config).get_current_head() or ""
    with database.transaction() as connection:
        if _read_revision(connection) == head:
            return head
    if database.engine.dialect.name == "sqlite":
        _switch_to_wal(database)
    with database.transaction(exclusive=True) as connection:
        _lock(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head


def _configure() -> Config:
    config = Config()
    config.set_main_option("script_location", "service.database:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _read_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _switch_to_wal(database: Database) -> None:
    """Make the file a WAL one, which it then stays."""
    for attempt in stamina.retry_context(on=pysqlite3.OperationalError, attempts=None, timeout=WAL_TIMEOUT_S):
        with attempt:
            connection = database.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
            finally:
                connection.close()


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # For this transaction only: waiting for another process' migration may take longer than any request may.
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
