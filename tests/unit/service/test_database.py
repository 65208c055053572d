"""Outcomes in a real database: SQLite always, PostgreSQL where it is installed."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text

from service.database.engine import POOL_SIZE, Database, open_database
from service.database.outcomes import find_outcome, insert_outcome, record_actual, summarise
from service.database.schema import Schema, upgrade
from service.database.tables import METADATA, OUTCOMES
from service.errors import IslError
from service.outcomes import Counts, Forecast, Option, Outcome, Score, new_outcome_id
from tests.path.engine import DEADLINE_S, ROOT, free_port

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OPTIONS = (Option("keep", 120.0, 15.0), Option("ten", 138.0, 25.0))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/isl.db"
    server: str = request.getfixturevalue("postgresql_url")
    name = f"isl_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rsplit('/', 1)[0]}/{name}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with its schema."""
    opened = open_database(url)
    upgrade(opened)
    yield opened
    opened.close()


def _outcome(minute: int = 0, decision: str = "discount", *, is_scored: bool = True) -> Outcome:
    score = Score(0.73, 4.8) if is_scored else None
    return Outcome(new_outcome_id(), NOW + timedelta(minutes=minute), decision, OPTIONS, OPTIONS[1], score, actual=None)


def test_migrations_lead_to_the_tables_of_the_code(database: Database) -> None:
    with database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_upgrade_is_repeatable_and_keeps_what_is_there(database: Database) -> None:
    insert_outcome(database, kept := _outcome())
    assert upgrade(database) == upgrade(database) == "0001"
    assert find_outcome(database, kept.id) == kept


def test_processes_that_start_at_once_migrate_once(url: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ISL_", "SENTRY_"))}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "service.database"],
            cwd=ROOT,
            env={**environ, "ISL_DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(4)
    ]
    ends = [(process.communicate(timeout=DEADLINE_S)[0].splitlines()[-1], process.returncode) for process in started]
    assert ends == [("the schema is at revision 0001", 0)] * 4


def test_threads_that_start_at_once_migrate_once(url: str) -> None:
    """Closer together than processes can be: all read the old revision before the first has the lock."""
    barrier, problems = threading.Barrier(4), []

    def start() -> None:
        database = open_database(url)
        barrier.wait()
        try:
            upgrade(database)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test fails with it
            problems.append(error)
        database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_outcome_comes_back_as_it_was(database: Database) -> None:
    for kept in (_outcome(), _outcome(is_scored=False), replace(_outcome(), actual=1.5, observed_at=NOW)):
        insert_outcome(database, kept)
        assert find_outcome(database, kept.id) == kept
    assert find_outcome(database, "out_0000000000000000") is None


def test_result_is_written_once(database: Database) -> None:
    insert_outcome(database, kept := _outcome())
    assert record_actual(database, kept.id, 130.5, NOW)
    assert not record_actual(database, kept.id, 99.0, NOW)
    assert not record_actual(database, "out_0000000000000000", 1.0, NOW)
    found = find_outcome(database, kept.id)
    assert found is not None
    assert (found.actual, found.observed_at) == (130.5, NOW)


def test_summary_counts_one_kind_and_lists_results_latest_first(database: Database) -> None:
    logged = [_outcome(0), _outcome(1), _outcome(2, is_scored=False), _outcome(3, "price")]
    for outcome in logged:
        insert_outcome(database, outcome)
    record_actual(database, logged[0].id, 100.0, NOW)
    record_actual(database, logged[2].id, 150.0, NOW)
    counts, forecasts = summarise(database, "discount")
    assert (counts.logged, counts.scored, counts.observed) == (3, 2, 2)
    assert (counts.mean_win_probability, counts.mean_expected_regret) == pytest.approx((0.73, 4.8))
    assert forecasts == (Forecast(138.0, 25.0, 150.0), Forecast(138.0, 25.0, 100.0))
    assert summarise(database, "nothing") == (Counts(0, 0, 0, None, None), ())


def test_summary_looks_at_a_bounded_number_of_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.database.outcomes.SUMMARY_LIMIT", 3)
    for minute in range(5):
        insert_outcome(database, _outcome(minute))
    assert summarise(database, "discount")[0].logged == 3


def test_concurrent_writers_wait_for_each_other(database: Database) -> None:
    def write() -> None:
        for _ in range(20):
            insert_outcome(database, _outcome())

    threads = [threading.Thread(target=write) for _ in range(POOL_SIZE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(OUTCOMES)) == 20 * POOL_SIZE


def test_failed_block_leaves_nothing_behind(database: Database) -> None:
    row = {"id": "x", "logged_at": NOW, "decision": "d", "options": [], "chosen": "c", "forecast_mean": 0.0}

    def fail() -> None:
        with database.transaction() as connection:
            connection.execute(insert(OUTCOMES), row | {"forecast_std": 1.0})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert find_outcome(database, "x") is None


def test_violated_constraint_quotes_no_value(database: Database) -> None:
    insert_outcome(database, kept := _outcome())
    with pytest.raises(IslError) as caught:
        insert_outcome(database, kept)
    assert kept.id not in str(caught.value)
    assert caught.value.__suppress_context__  # or Sentry would send the driver's text with it


def test_sqlite_is_a_wal_one_and_its_driver_has_no_reset_bug(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/isl.db")
    upgrade(database)
    with database.transaction() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        version = str(connection.scalar(text("SELECT sqlite_version()")))
    assert tuple(int(part) for part in version.split(".")) >= (3, 51, 3)
    database.close()


def test_database_that_is_away_is_a_typed_error_without_its_address() -> None:
    port = free_port()
    database = open_database(f"postgresql://someone:s3cret@127.0.0.1:{port}/isl")
    with pytest.raises(IslError) as caught:
        Schema(database).check()
    error = caught.value
    assert (error.code.name, error.status_code, error.details.reason) == (
        "ISL_SERVICE_UNAVAILABLE",
        503,
        "database_unavailable",
    )
    assert [part for part in ("s3cret", "someone", str(port), "127.0.0.1") if part in str(error)] == []


def test_folder_that_cannot_be_made_is_a_database_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = open_database(f"sqlite:///{tmp_path}/file/isl.db")
    with pytest.raises(IslError, match="database failed"):
        database.check()


def test_taken_pool_is_an_overload_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.database.engine.POOL_TIMEOUT_S", 0.05)
    database = open_database(f"sqlite:///{tmp_path}/isl.db")
    taken = [database.engine.connect() for _ in range(POOL_SIZE)]
    with pytest.raises(IslError) as caught:
        database.check()
    assert caught.value.details.reason == "database_busy"
    for connection in taken:
        connection.close()
    database.check()
    database.close()


def test_schema_that_was_away_at_the_start_is_made_later(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "isl.db"
    database = open_database(f"sqlite:///{file}")
    file.mkdir()  # a folder in its place: it cannot be opened
    schema = Schema(database)
    with pytest.raises(IslError):
        schema.check()
    file.rmdir()
    schema.check()
    insert_outcome(database, _outcome())
    database.close()
