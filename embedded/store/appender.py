"""Telemetry's way to the writer: what arrives during a commit, and shortly after, is one job and one wake-up.

A future, a statement and a wake-up of its own for each envelope cost as much as storing it.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

import apsw

from embedded.errors import StoreUnavailableError
from embedded.records import Batch
from embedded.store.additions import Additions
from embedded.store.database import Database
from embedded.store.telemetry import append

_Waiting = tuple[Batch, asyncio.Future[None]]
_Then = Callable[[asyncio.AbstractEventLoop, list[_Waiting], "Future[Additions]"], None]
MAX_TOGETHER: Final = 512  # envelopes of one job; bounds how long the first of them waits
# How long envelopes wait for others after a commit of several: writer and event loop then take turns, and do not wake
# each other for the interpreter's lock. One that is alone does not wait.
LINGER_S: Final = 0.002


class Appender:
    """Used by one event loop at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._is_storing = False  # a job is at the writer, or is waited for
        self._enough = 0  # envelopes that are handed over without waiting for more
        self._timer: asyncio.TimerHandle | None = None  # of the handing over that waits for more

    async def append(self, batch: Batch) -> None:
        """Store a batch; it is on disk when this returns. Raises StoreUnavailableError, or what storing it raised."""
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        self._waiting.append((batch, stored))
        if not self._is_storing:
            self._is_storing = True
            loop.call_soon(self._hand_over, loop)  # after all that is ready to run in this turn
        elif self._timer and len(self._waiting) >= self._enough:
            self._timer.cancel()
            self._timer = None
            loop.call_soon(self._hand_over, loop)
        await stored

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._is_storing = bool(self._waiting)
        if self._waiting:
            together, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
            self._submit(loop, together, self._go_on)

    def _go_on(self, loop: asyncio.AbstractEventLoop, together: list[_Waiting], done: "Future[Additions]") -> None:
        self._enough = min(len(self._waiting) + len(together), MAX_TOGETHER)  # who is answered is likely to send again
        self._settle(loop, together, done)
        if self._enough == 1:
            self._hand_over(loop)  # a lone one waits for nobody
        else:
            loop.call_soon(self._linger, loop)  # after those that are answered have run: their answers take their time

    def _linger(self, loop: asyncio.AbstractEventLoop) -> None:
        if len(self._waiting) >= self._enough:
            self._hand_over(loop)
        else:
            self._timer = loop.call_later(LINGER_S, self._hand_over, loop)

    def _settle(self, loop: asyncio.AbstractEventLoop, together: list[_Waiting], done: "Future[Additions]") -> None:
        failure = done.exception()
        if failure and len(together) > 1 and not isinstance(failure, StoreUnavailableError):
            for one in together:  # each by itself, so that the one that fails takes nothing of the others with it
                self._submit(loop, [one], self._settle)
            return
        for _, stored in together:
            if stored.done():  # cancelled: nobody waits for it
                continue
            if failure is None:
                stored.set_result(None)
            else:
                stored.set_exception(failure)

    def _submit(self, loop: asyncio.AbstractEventLoop, together: list[_Waiting], then: _Then) -> None:
        job = self._database.submit(_storing([batch for batch, _ in together]), is_telemetry=True)

        def wake(done: "Future[Additions]") -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(then, loop, together, done)

        job.add_done_callback(wake)


def _storing(batches: Sequence[Batch]) -> Callable[[apsw.Connection], Additions]:
    return lambda connection: append(connection, *batches)
