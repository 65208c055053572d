"""What protects the engine from its clients: slow bodies, too many bytes at a time, clients that go away."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded import ingest
from embedded.clock import SystemClock
from embedded.ingest import Ingest
from embedded.quota import Quotas
from embedded.store.database import Database
from embedded.store.projects import list_keys
from tests.unit.embedded.fakes import envelope_of, error, opened


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


def books(database: Database) -> list[tuple[str, str, str, int]]:
    rows = database.read().execute("SELECT category, outcome, reason, quantity FROM outcome_minute")
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def statuses(database: Database, *receives: Callable[[], Awaitable[Any]]) -> list[int]:
    """Send requests at the same time through one spine; the statuses of the answers, in order."""
    app = Ingest(database, SystemClock(), Quotas(lambda *_: 0), lambda _: None)
    [key] = list_keys(database.read(), 1)
    headers = [(b"x-sentry-auth", f"Sentry sentry_key={key.public_key}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/api/1/envelope/", "query_string": b"", "headers": headers}

    async def ask(receive: Callable[[], Awaitable[Any]]) -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await app(dict(scope), receive, send)
        return int(sent[0]["status"])

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(ask(receive) for receive in receives))

    found = asyncio.run(all_of_them())
    assert app._in_flight_bytes == 0
    return found


def body(content: bytes) -> Callable[[], Awaitable[Any]]:
    async def receive() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": content, "more_body": False}

    return receive


def test_body_that_does_not_come_is_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "BODY_TIMEOUT_S", 0.05)

    async def receive() -> Any:
        await asyncio.sleep(60)

    assert statuses(database, receive) == [408]
    assert books(database) == [("default", "invalid", "invalid_envelope", 1)]


def test_client_that_goes_away_in_the_middle_is_booked(database: Database) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    assert statuses(database, receive) == [400]
    assert books(database) == [("default", "invalid", "invalid_envelope", 1)]


def test_too_many_bytes_at_a_time_are_answered_503(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one whose body arrives when the memory is full is sent away, the others are served."""
    content = envelope_of(("event", error()))
    monkeypatch.setattr(ingest, "MAX_IN_FLIGHT_BYTES", len(content) + 10)
    release = asyncio.Event()

    def slow() -> Callable[[], Awaitable[Any]]:
        pieces = [content[:-5], content[-5:]]

        async def receive() -> Any:
            if len(pieces) == 1:
                await release.wait()
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        return receive

    async def late() -> Any:
        await asyncio.sleep(0.05)
        release.set()
        return {"type": "http.request", "body": content, "more_body": False}

    assert statuses(database, slow(), late) == [200, 503]
    assert books(database) == [("error", "accepted", "", 1)]
    assert statuses(database, body(envelope_of(("event", error(2))))) == [200]


def test_unknown_path_is_404(database: Database) -> None:
    app = Ingest(database, SystemClock(), Quotas(lambda *_: 0), lambda _: None)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "http", "method": "POST", "path": "/api/1/unknown/"}, body(b""), send))
    assert sent[0]["status"] == 404
