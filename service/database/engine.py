"""URL in, a bounded pool of connections out, and one place where a database's failure becomes an error of ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pysqlite3
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.dependency import Dependency, DependencyError, Interference, undisturbed
from service.errors import IslError

POOL_SIZE: Final = 5  # per worker; PostgreSQL allows 100 in all by default
POOL_TIMEOUT_S: Final = 1.0  # waiting longer for a connection is an overload, and better said
CONNECT_TIMEOUT_S: Final = 2  # the shortest that libpq knows
STATEMENT_TIMEOUT_S: Final = 2.0  # every statement here is by key or bounded by an index
BUSY_TIMEOUT_S: Final = 2.0  # SQLite: how long a writer waits for another one
RECYCLE_S: Final = 1800  # before firewalls forget an idle connection


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of one process. Connections are made when they are needed, so that opening it cannot fail."""

    engine: Engine

    @contextmanager
    def transaction(self, *, exclusive: bool = False) -> Iterator[Connection]:
        """Lend a connection for one transaction, which ends with the block.

        `exclusive` makes SQLite admit no second writer from the start. PostgreSQL locks rows and needs no such thing.
        Raises IslError (ISL_SERVICE_UNAVAILABLE) when the database is down, slow or busy.
        """
        try:
            with self.engine.execution_options(isl_exclusive=exclusive).begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            # The driver's text may quote values and addresses: its class and its code say enough, and go out alone.
            raise _to_isl_error(error) from None

    def check(self) -> None:
        """Raise IslError unless a statement gets through."""
        with self.transaction() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close the idle connections."""
        self.engine.dispose()


def open_database(url: str, interfere: Interference = undisturbed) -> Database:
    """Prepare the pool for a `sqlite:///` or `postgresql://` URL; nothing is connected yet."""
    parsed = make_url(url)
    options: dict[str, Any] = {
        "pool_size": POOL_SIZE,
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT_S,
        "hide_parameters": True,  # an error must not quote what was asked for
    }
    build = _open_sqlite if parsed.get_backend_name() == "sqlite" else _open_postgresql
    engine = build(parsed, options)
    event.listen(engine, "do_execute", _interfere_by(interfere))
    return Database(engine)


def _open_sqlite(url: URL, options: dict[str, Any]) -> Engine:
    """Open a file in WAL mode: readers and the one writer do not wait for each other."""
    with suppress(OSError):  # where the folder cannot be made, connecting fails, and the service says so and goes on
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    # Without an isolation level the driver opens no transactions of its own: ours begin where the block begins.
    arguments = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None}
    engine = create_engine(url, module=pysqlite3, connect_args=arguments, **options)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=FULL")  # an answered write survives a power cut

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_exclusive = connection.get_execution_options().get("isl_exclusive", False)
        # On the driver's own cursor: a span for each BEGIN would say nothing.
        connection.connection.cursor().execute("BEGIN IMMEDIATE" if is_exclusive else "BEGIN")

    return engine


def _open_postgresql(url: URL, options: dict[str, Any]) -> Engine:
    arguments = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S * 1000:.0f}",
    }
    url = url.set(drivername="postgresql+psycopg")
    return create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_recycle=RECYCLE_S, **options)


def _interfere_by(interfere: Interference) -> Callable[..., None]:
    """Fail where the driver would, so that SQLAlchemy, the SDK and we see what they see when it is really down."""

    def before(_cursor: object, _statement: str, _parameters: object, context: Any) -> None:
        if interfere(STATEMENT_TIMEOUT_S) != "ok":
            raise context.dialect.dbapi.OperationalError("made to fail by a fault")

    return before


def _to_isl_error(error: SQLAlchemyError) -> IslError:
    if isinstance(error, PoolTimeoutError):
        return _unavailable("database_busy", f"No database connection became free within {POOL_TIMEOUT_S:g} s")
    if not isinstance(error, DBAPIError):
        raise error  # a wrong use of SQLAlchemy: a bug of ours, with its own traceback
    driver: Any = error.orig
    code = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None)
    what = f"{type(error).__name__} {code}" if code else type(error).__name__
    return _unavailable("database_unavailable", f"The database failed: {what}")


def _unavailable(reason: str, message: str) -> IslError:
    return DependencyError(Dependency.DATABASE, reason, message)
