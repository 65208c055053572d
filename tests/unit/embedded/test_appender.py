"""What becomes of envelopes that arrive together."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.envelope import parse_envelope
from embedded.errors import StoreUnavailableError
from embedded.normalise import normalise
from embedded.records import Batch, Entry
from embedded.store.appender import Appender
from embedded.store.database import Database
from tests.unit.embedded.fakes import NOW, envelope_of, opened, transaction


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


def batch(number: int) -> Batch:
    return normalise(parse_envelope(envelope_of(("transaction", transaction(event_id=f"{number:032x}")))), 1, NOW)


def broken(number: int) -> Batch:
    """A batch that no caller makes: storing it fails half-way."""
    made = batch(number)
    [entry] = made.entries
    bad = replace(entry.record, payload=None)  # type: ignore[type-var]
    return replace(made, entries=(Entry(entry.quantities, record=bad), *batch(number + 1).entries))


def stored(database: Database) -> int:
    count: int = database.read().execute("SELECT count(*) FROM request_span").get
    return count


async def append_all(database: Database, *batches: Batch) -> list[BaseException | None]:
    appender = Appender(database)
    return await asyncio.gather(*(appender.append(each) for each in batches), return_exceptions=True)


def test_envelopes_of_one_turn_share_a_commit(database: Database) -> None:
    commits: list[int] = []

    def count(*_: object) -> int:
        commits.append(1)
        return 0

    database._writer.set_wal_hook(count)  # called after each commit
    assert asyncio.run(append_all(database, *map(batch, range(20)))) == [None] * 20
    assert (len(commits), stored(database)) == (1, 20)


def test_envelope_that_fails_takes_nothing_of_the_others_with_it(database: Database) -> None:
    first, failed, last = asyncio.run(append_all(database, batch(1), broken(2), batch(4)))
    assert (first, last) == (None, None)
    assert isinstance(failed, TypeError)
    assert stored(database) == 2


def test_envelope_that_nobody_waits_for_is_stored_and_stops_nothing(database: Database) -> None:
    async def give_up() -> None:
        appender = Appender(database)
        task = asyncio.create_task(appender.append(batch(1)))
        await asyncio.sleep(0)
        task.cancel()
        await appender.append(batch(2))

    asyncio.run(give_up())
    assert stored(database) == 2


def test_closed_store_refuses(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        pass
    [refused] = asyncio.run(append_all(database, batch(1)))
    assert isinstance(refused, StoreUnavailableError)
