"""The database file: one writer thread with group commit, read-only readers; what is acknowledged is on disk.

A job is a function of a connection. All jobs waiting at the same time share one transaction and one fsync; each has its
own savepoint, so that one that fails takes nothing of the others with it; one that is alone needs none. A job that
returns `Additions` has them added up with those of the others, once, before the commit. A job's future is resolved
after the commit.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from embedded.errors import StoreUnavailableError, StoreVersionError
from embedded.store.additions import Additions, add_up

T = TypeVar("T")
Job = Callable[[apsw.Connection], T]

_Queued = tuple[Job[Any], Future[Any], bool]  # the last: whether settings may depend on what it writes
MAX_GROUP: Final = 512  # jobs per commit; bounds how long the first of them waits
BUSY_TIMEOUT_MS: Final = 5_000
SCHEMA_VERSION: Final = 3  # of schema.sql; a new table or index needs none, a change of one does
CHECKPOINT_PAGES: Final = 4_000  # 16 MB of log between checkpoints


class Database:
    """Owns the file. Make it once, close it once; `submit` and `read` may be called from any thread.

    Raises StoreVersionError for a file that another version laid out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._lock = threading.Lock()
        self._is_closed = False
        self.generation = 0  # counts commits of all but telemetry; what was read in an older one may be stale
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = apsw.Connection(str(path))
        _prepare(self._writer, path)
        path.chmod(0o600)
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job[T], *, is_telemetry: bool = False) -> "Future[T]":
        """Queue a job for the writer; its future resolves once its changes are on disk.

        Telemetry is rows that no setting and nothing that is remembered of one depends on.
        The future raises what the job raised, or StoreUnavailableError when the commit failed or the store is closed.
        A job that is cancelled before its turn does not run.
        """
        future: Future[T] = Future()
        with self._lock:  # nothing may be queued behind the end: nobody would ever answer it
            if self._is_closed:
                future.set_exception(StoreUnavailableError(f"{self._path}: closed"))
            else:
                self._jobs.put((job, future, not is_telemetry))
        return future

    def write(self, job: Job[T]) -> T:
        """Run a job on the writer and wait until it is on disk."""
        return self.submit(job).result()

    async def commit(self, job: Job[T]) -> T:
        """Run a job on the writer without blocking the event loop; it is on disk when this returns."""
        return await asyncio.wrap_future(self.submit(job))

    def read(self) -> apsw.Connection:
        """Return this thread's own read-only connection; it sees every committed change."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            self._local.connection = connection
            with self._lock:
                self._readers.append(connection)
        return connection

    @property
    def is_closed(self) -> bool:
        """Whether `close` has begun; what still runs then may fail at any call."""
        return self._is_closed

    def close(self) -> None:
        """Finish the queued jobs, then close every connection; one that is in use at the moment is left to its user."""
        with self._lock:
            self._is_closed = True
            self._jobs.put(None)
        self._thread.join()
        for connection in [*self._readers, self._writer]:
            with suppress(apsw.ThreadingViolationError):
                connection.close()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            group, is_last = [first], False
            while len(group) < MAX_GROUP and not is_last:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    is_last = True
                else:
                    group.append(following)
            self._commit(group)
            if is_last:
                return

    def _commit(self, group: list[_Queued]) -> None:
        settled: list[Callable[[], None]] = []
        additions: list[Additions] = []
        # From here on a future cannot be cancelled; settling a cancelled one would end this thread.
        group = [queued for queued in group if queued[1].set_running_or_notify_cancel()]
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for job, future, _ in group:
                settled.append(self._attempt(job, future, additions, is_alone=len(group) == 1))
            add_up(self._writer, additions)
            self._writer.execute("COMMIT")
        except apsw.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for _, future, _ in group:
                future.set_exception(StoreUnavailableError(f"{self._path}: {error}"))
            return
        self.generation += any(may_matter for _, _, may_matter in group)
        for settle in settled:
            settle()

    def _attempt(
        self, job: Job[T], future: "Future[T]", additions: list[Additions], *, is_alone: bool
    ) -> Callable[[], None]:
        try:
            with nullcontext() if is_alone else self._writer:  # a savepoint; of one that is alone, the transaction
                result = job(self._writer)
        except (apsw.FullError, apsw.IOError):
            raise  # the disk's fault, not the job's: the whole group fails
        except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to its caller
            caught = error
            if is_alone:
                self._writer.execute("ROLLBACK; BEGIN IMMEDIATE")
            return lambda: future.set_exception(caught)
        if isinstance(result, Additions):
            additions.append(result)
        return lambda: future.set_result(result)


def _prepare(connection: apsw.Connection, path: Path) -> None:
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    _check_version(connection, path)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")  # NORMAL would survive kill -9, but not a power cut
    connection.pragma("foreign_keys", "on")
    connection.wal_autocheckpoint(CHECKPOINT_PAGES)
    connection.execute(resources.files("embedded.store").joinpath("schema.sql").read_text())
    connection.pragma("user_version", SCHEMA_VERSION)


def _check_version(connection: apsw.Connection, path: Path) -> None:
    """Take a new file and one of this version. There is no migration: what a rehearsal stored can be sent again."""
    has_tables = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    found = connection.pragma("user_version")
    if has_tables and found != SCHEMA_VERSION:
        connection.close()
        raise StoreVersionError(
            f"{path}: laid out by another version (layout {found}, this one reads {SCHEMA_VERSION}). Run that version,"
            " or move the file away and start anew; of what `make up` started: make down DATA=1"
        )
