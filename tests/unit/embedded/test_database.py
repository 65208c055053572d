"""One writer, many readers: what a future promises."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import apsw
import pytest

from embedded.__main__ import EXIT_USAGE, main
from embedded.errors import StoreUnavailableError, StoreVersionError
from embedded.store.additions import Additions, Booked
from embedded.store.database import MAX_GROUP, Database

TIMEOUT_S = 10


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "new" / "engine.sqlite")
    database.write(lambda connection: connection.execute("CREATE TABLE note (text TEXT PRIMARY KEY)"))
    yield database
    database.close()


def add(text: str) -> Callable[[apsw.Connection], str]:
    def job(connection: apsw.Connection) -> str:
        connection.execute("INSERT INTO note VALUES (?)", (text,))
        return text

    return job


def notes(connection: apsw.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT text FROM note ORDER BY rowid")]


def paused(database: Database) -> threading.Event:
    """Hold the writer inside a job until the event is set, so that what follows waits together."""
    inside, gate = threading.Event(), threading.Event()

    def job(_: apsw.Connection) -> None:
        inside.set()
        assert gate.wait(TIMEOUT_S)

    database.submit(job)
    assert inside.wait(TIMEOUT_S)
    return gate


def test_waiting_jobs_share_one_commit(database: Database) -> None:
    commits: list[int] = []

    def count(*_: object) -> int:
        commits.append(1)
        return 0

    gate = paused(database)
    database._writer.set_wal_hook(count)  # called after each commit
    futures = [database.submit(add(str(number))) for number in range(MAX_GROUP - 1)]
    gate.set()
    assert [future.result(TIMEOUT_S) for future in futures] == [str(number) for number in range(MAX_GROUP - 1)]
    assert len(commits) == 1
    assert len(notes(database.read())) == MAX_GROUP - 1


def test_job_that_fails_takes_nothing_of_the_others_with_it(database: Database) -> None:
    def half(connection: apsw.Connection) -> None:
        add("half")(connection)
        raise ZeroDivisionError("a bug")

    gate = paused(database)
    first, broken, taken, last = (database.submit(job) for job in (add("a"), half, add("a"), add("b")))
    gate.set()
    assert (first.result(TIMEOUT_S), last.result(TIMEOUT_S)) == ("a", "b")
    assert isinstance(broken.exception(TIMEOUT_S), ZeroDivisionError)
    assert isinstance(taken.exception(TIMEOUT_S), apsw.ConstraintError)
    assert notes(database.read()) == ["a", "b"]


def test_job_that_fails_alone_leaves_nothing(database: Database) -> None:
    def half(connection: apsw.Connection) -> None:
        add("half")(connection)
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        database.write(half)
    assert database.write(add("a")) == "a"
    assert notes(database.read()) == ["a"]


def test_future_resolves_after_the_commit(database: Database) -> None:
    """Whoever is called back reads it through a connection of its own."""
    seen: list[list[str]] = []
    gate = paused(database)
    future = database.submit(add("a"))
    future.add_done_callback(lambda _: seen.append(notes(database.read())))
    database.submit(add("b"))
    gate.set()
    database.write(lambda _: None)
    assert seen == [["a", "b"]]  # both were in the group, and neither was told before it was committed


def test_readers_see_committed_state_only(database: Database) -> None:
    inside, gate = threading.Event(), threading.Event()

    def job(connection: apsw.Connection) -> None:
        add("a")(connection)
        inside.set()
        assert gate.wait(TIMEOUT_S)

    future = database.submit(job)
    assert inside.wait(TIMEOUT_S)
    assert notes(database.read()) == []
    gate.set()
    future.result(TIMEOUT_S)
    assert notes(database.read()) == ["a"]


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(apsw.ReadOnlyError):
        add("a")(database.read())


def test_every_thread_has_a_reader_of_its_own(database: Database) -> None:
    found: list[apsw.Connection] = [database.read(), database.read()]
    thread = threading.Thread(target=lambda: found.append(database.read()))
    thread.start()
    thread.join()
    assert found[0] is found[1]
    assert found[0] is not found[2]


def test_full_disk_fails_the_whole_group_and_nothing_after_it(database: Database) -> None:
    def full(_: apsw.Connection) -> None:
        raise apsw.FullError("no space left")

    gate = paused(database)
    futures = [database.submit(job) for job in (add("a"), full, add("b"))]
    gate.set()
    assert [type(future.exception(TIMEOUT_S)) for future in futures] == [StoreUnavailableError] * 3
    assert notes(database.read()) == []
    assert database.write(add("c")) == "c"


def test_cancelled_job_does_not_run_and_does_not_stop_the_writer(database: Database) -> None:
    gate = paused(database)
    cancelled, kept = database.submit(add("a")), database.submit(add("b"))
    assert cancelled.cancel()
    gate.set()
    assert kept.result(TIMEOUT_S) == "b"
    with pytest.raises(CancelledError):
        cancelled.result(TIMEOUT_S)
    assert database.submit(add("c")).result(TIMEOUT_S) == "c"
    assert notes(database.read()) == ["b", "c"]


def test_cancelled_waiter_does_not_stop_the_writer(database: Database) -> None:
    """A request that is given up while its commit is under way."""

    async def give_up(gate: threading.Event) -> None:
        task = asyncio.create_task(database.commit(add("a")))
        await asyncio.sleep(0)
        task.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up(paused(database)))
    assert database.submit(add("b")).result(TIMEOUT_S) == "b"


def test_commit_returns_what_the_job_returned_or_raised(database: Database) -> None:
    assert asyncio.run(database.commit(add("a"))) == "a"
    with pytest.raises(apsw.ConstraintError):
        asyncio.run(database.commit(add("a")))


def test_close_finishes_what_is_queued_and_refuses_what_follows(tmp_path: Path) -> None:
    database = Database(tmp_path / "engine.sqlite")
    database.write(lambda connection: connection.execute("CREATE TABLE note (text TEXT)"))
    gate = paused(database)
    futures = [database.submit(add(str(number))) for number in range(2 * MAX_GROUP)]
    gate.set()
    database.close()
    assert all(future.done() and not future.exception() for future in futures)
    with pytest.raises(StoreUnavailableError):
        database.submit(add("late")).result(TIMEOUT_S)
    again = Database(tmp_path / "engine.sqlite")
    assert len(notes(again.read())) == 2 * MAX_GROUP
    again.close()


@pytest.mark.usefixtures("database")
def test_file_is_private(tmp_path: Path) -> None:
    assert (tmp_path / "new" / "engine.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_file_of_another_layout_is_refused_with_a_way_out_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "engine.sqlite"
    older = apsw.Connection(str(file))
    older.execute("CREATE TABLE request_span (id INTEGER PRIMARY KEY, event_id TEXT)")
    older.close()
    before = file.read_bytes()
    with pytest.raises(StoreVersionError, match=r"engine\.sqlite: laid out by another version.*make down DATA=1"):
        Database(file)
    assert file.read_bytes() == before


def test_an_engine_on_a_file_of_another_layout_ends_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older = apsw.Connection(str(tmp_path / "engine.sqlite"))
    older.execute("CREATE TABLE request_span (id INTEGER PRIMARY KEY, event_id TEXT)")
    older.close()
    monkeypatch.setenv("EMBEDDED_DATA_DIR", str(tmp_path))
    assert main() == EXIT_USAGE
    assert "move the file away" in capsys.readouterr().err


def test_what_jobs_add_is_written_once_for_their_commit(database: Database) -> None:
    """Ten jobs, one of which fails, add to one line of the books."""
    line = Booked(1, 0, "error", "accepted", "", 2)

    def book(_: apsw.Connection) -> Additions:
        return Additions(booked=(line,))

    def broken(_: apsw.Connection) -> Additions:
        raise ZeroDivisionError("a bug")

    statements: list[str] = []
    gate = paused(database)
    database._writer.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: statements.append(event["sql"]))
    futures = [database.submit(job) for job in (*[book] * 9, broken)]
    gate.set()
    assert [type(future.exception(TIMEOUT_S)) for future in futures] == [type(None)] * 9 + [ZeroDivisionError]
    [(quantity,)] = database.read().execute("SELECT quantity FROM outcome_minute")
    assert quantity == 18
    assert sum("outcome_minute" in sql for sql in statements) == 1
