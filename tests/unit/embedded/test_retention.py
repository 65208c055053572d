"""What goes and what stays when the store is cleaned."""

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from embedded import retention
from embedded.retention import enforce
from embedded.store.cleanup import used_bytes
from embedded.store.database import Database
from tests.unit.embedded.fakes import NOW, error, opened, store, transaction

MONTH = timedelta(days=30)
PLENTY = 2**40


def ids(database: Database, table: str) -> list[int]:
    column = "hex(event_id)" if table == "request_span" else "event_id"
    rows = database.read().execute(f"SELECT {column} FROM {table} ORDER BY id")  # noqa: S608 - a name of ours
    return [int(row[0], 16) for row in rows]


def books(database: Database) -> int:
    total: int = database.read().execute("SELECT count(*) FROM outcome_minute").get
    return total


def test_what_is_older_than_the_retention_goes(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for number, age in enumerate((40, 29, 0), start=1):
            at = NOW - timedelta(days=age)
            stamps = {"start_timestamp": at.isoformat(), "timestamp": at.isoformat()}
            store(database, ("transaction", transaction(number, **stamps)), at=at)
            store(database, ("event", error(number, timestamp=at.isoformat())), at=at)
        before = books(database)
        assert enforce(database, NOW, MONTH, PLENTY) > 0
        assert ids(database, "request_span") == ids(database, "error_event") == [2, 3]
        assert books(database) == before - 3  # the minute of the first: transaction, span, error
        assert enforce(database, NOW, MONTH, PLENTY) == 0
        [count] = database.read().execute("SELECT count(*) FROM issue").fetchall()
        assert count == (1,)  # the issue stays: the next event of its kind joins it


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 5)
    with opened(tmp_path) as database:
        for number in range(1, 61):
            noise = Random(number).randbytes(20_000).hex()  # does not compress
            store(database, ("event", error(number, extra={"noise": noise})))
        most = used_bytes(database.read()) // 2
        assert enforce(database, NOW, MONTH, most) > 0
        assert used_bytes(database.read()) <= most
        left = ids(database, "error_event")
        assert 0 < len(left) < 60
        assert left == list(range(61 - len(left), 61))  # the newest


def test_a_pass_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 2)
    monkeypatch.setattr(retention, "MAX_CHUNKS", 3)
    with opened(tmp_path) as database:
        for number in range(1, 11):
            store(database, ("event", error(number)))
        assert enforce(database, NOW, MONTH, 0) == 6
        assert ids(database, "error_event") == [7, 8, 9, 10]


def test_an_empty_store_is_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        assert enforce(database, NOW, MONTH, 0) == 0
