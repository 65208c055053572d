"""What becomes of envelopes that arrive together."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from embedded.envelope import parse_envelope
from embedded.errors import StoreUnavailableError
from embedded.normalise import normalise
from embedded.records import Batch, Entry
from embedded.store.appender import Appender
from embedded.store.database import Database
from embedded.store.payloads import unpack
from tests.unit.embedded.fakes import NOW, envelope_of, opened, transaction

DEADLINE_S = 10.0


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


def count_commits(database: Database) -> list[int]:
    commits: list[int] = []

    def count(*_: object) -> int:
        commits.append(1)
        return 0

    database._writer.set_wal_hook(count)  # called after each commit
    return commits


def test_envelopes_of_one_turn_share_a_commit(database: Database) -> None:
    commits = count_commits(database)
    assert asyncio.run(append_all(database, *map(batch, range(20)))) == [None] * 20
    assert (len(commits), stored(database)) == (1, 20)


def test_envelopes_that_arrive_while_a_commit_runs_share_the_next(database: Database) -> None:
    commits = count_commits(database)

    async def one_after_the_other() -> None:
        appender, is_held = Appender(database), threading.Event()
        first = database.submit(lambda _: is_held.wait(DEADLINE_S))  # what is at the writer when they arrive
        tasks = []
        for number in range(20):
            tasks.append(asyncio.create_task(appender.append(batch(number))))
            await asyncio.sleep(0.001)
        is_held.set()
        await asyncio.gather(*tasks)
        assert first.result()

    asyncio.run(one_after_the_other())
    assert (len(commits), stored(database)) == (2, 20)  # of the first, and of all others


def test_those_that_were_answered_together_share_a_commit_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sends its next some turns later than the one before it."""
    monkeypatch.setattr("embedded.store.appender.LINGER_S", DEADLINE_S)
    commits = count_commits(database)

    async def send_twice(appender: Appender, number: int) -> None:
        await appender.append(batch(number))
        for _ in range(3 * number):
            await asyncio.sleep(0)
        await appender.append(batch(100 + number))

    async def send_all() -> None:
        appender = Appender(database)
        await asyncio.gather(*(send_twice(appender, number) for number in range(5)))

    asyncio.run(asyncio.wait_for(send_all(), DEADLINE_S / 2))
    assert (len(commits), stored(database)) == (2, 10)


def test_lone_envelope_waits_for_nobody(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedded.store.appender.LINGER_S", 10 * DEADLINE_S)

    async def send_three() -> None:
        appender = Appender(database)
        for number in range(3):
            await appender.append(batch(number))

    asyncio.run(asyncio.wait_for(send_three(), DEADLINE_S))
    assert stored(database) == 3


def test_envelopes_do_not_wait_for_ever_for_one_that_does_not_come(database: Database) -> None:
    async def send_fewer() -> None:
        appender = Appender(database)
        await asyncio.gather(*(appender.append(batch(number)) for number in range(5)))
        await asyncio.gather(*(appender.append(batch(10 + number)) for number in range(2)))

    asyncio.run(asyncio.wait_for(send_fewer(), DEADLINE_S))
    assert stored(database) == 7


@pytest.mark.parametrize("count", [1, 2, 3, 64, 131])
def test_any_number_of_envelopes_is_stored_whole(database: Database, count: int) -> None:
    asyncio.run(append_all(database, *map(batch, range(count))))
    rows = database.read().execute(
        "SELECT s.event_id, p.payload FROM request_span s JOIN request_payload p ON p.id = s.id"
    )
    found = {event_id.hex(): orjson.loads(unpack(payload))["event_id"] for event_id, payload in rows}
    assert found == {f"{number:032x}": f"{number:032x}" for number in range(count)}


def test_event_id_that_is_repeated_within_a_commit_is_stored_once(database: Database) -> None:
    asyncio.run(append_all(database, batch(1), batch(2), batch(1)))
    outcomes = database.read().execute(
        "SELECT outcome, sum(quantity) FROM outcome_minute WHERE category = 'transaction' GROUP BY 1"
    )
    assert stored(database) == 2
    assert dict(outcomes) == {"accepted": 2, "invalid": 1}


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
