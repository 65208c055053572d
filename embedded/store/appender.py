"""Telemetry's way to the writer: what one turn of the event loop brings is one job, and one wake-up answers all of it.

A future, a savepoint and a wake-up of its own for each envelope cost as much as storing it.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

import apsw

from embedded.records import Batch
from embedded.store.additions import Additions
from embedded.store.database import Database
from embedded.store.telemetry import append

_Waiting = tuple[Batch, asyncio.Future[None]]


@dataclass(frozen=True, slots=True)
class Stored(Additions):
    """What a turn's batches add to the sums, and which of them failed."""

    failures: tuple[Exception | None, ...] = ()  # one for each batch


class Appender:
    """Used by one event loop at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn: list[_Waiting] = []

    async def append(self, batch: Batch) -> None:
        """Store a batch; it is on disk when this returns. Raises StoreUnavailableError, or what storing it raised."""
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        if not self._turn:
            loop.call_soon(self._hand_over, loop)  # after all that is ready to run in this turn
        self._turn.append((batch, stored))
        await stored

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        turn, self._turn = self._turn, []
        job = self._database.submit(_storing([batch for batch, _ in turn]), is_telemetry=True)

        def wake(done: Future[Stored]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, turn, done)

        job.add_done_callback(wake)


def _settle(turn: list[_Waiting], done: Future[Stored]) -> None:
    unavailable = done.exception()
    failures = (unavailable,) * len(turn) if unavailable else done.result().failures
    for (_, stored), failure in zip(turn, failures, strict=True):
        if stored.done():  # cancelled: nobody waits for it
            continue
        if failure is None:
            stored.set_result(None)
        else:
            stored.set_exception(failure)


def _storing(batches: Sequence[Batch]) -> Callable[[apsw.Connection], Stored]:
    return lambda connection: _store(connection, batches)


def _store(connection: apsw.Connection, batches: Sequence[Batch]) -> Stored:
    """Store all, or, where one fails, each by itself, so that it takes nothing of the others with it."""
    try:
        with connection:  # a savepoint
            added = [append(connection, batch) for batch in batches]
    except (apsw.FullError, apsw.IOError):
        raise  # the disk's fault: the whole commit fails
    except Exception as error:  # noqa: BLE001 - whatever storing it raised belongs to its caller
        if len(batches) == 1:
            return Stored(failures=(error,))
        return _together([_store(connection, [batch]) for batch in batches])
    return _together([Stored(each.booked, each.requests, (None,)) for each in added])


def _together(found: Sequence[Stored]) -> Stored:
    return Stored(
        tuple(line for each in found for line in each.booked),
        tuple(request for each in found for request in each.requests),
        tuple(failure for each in found for failure in each.failures),
    )
