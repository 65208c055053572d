"""The queue of envelopes in front of an event loop, and the few tasks that empty it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Final

from sentry_sdk.envelope import Envelope

from service.sending.connection import Address
from service.sending.stream import Stream

# Envelopes on their way at once, each over a connection of its own. A busy event loop comes back to a connection every
# few milliseconds, and answers some requests meanwhile; over one, a third of their transactions found the queue full.
LANES: Final = 4

Post = Callable[[Stream, Envelope], Awaitable[None]]


class LoopSender:
    """Sends from the running event loop whatever any thread brings. `post` sends one, and does not raise."""

    def __init__(self, address: Address, limit: int, post: Post) -> None:
        self._limit = limit
        self._post = post
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Envelope] = asyncio.Queue()
        self._streams = [Stream(address) for _ in range(LANES)]
        self._tasks = [self._loop.create_task(self._send(stream)) for stream in self._streams]

    @property
    def is_full(self) -> bool:
        """Do as many wait as may?"""
        return self._queue.qsize() >= self._limit

    @property
    def is_here(self) -> bool:
        """Is this the event loop's own thread, which cannot wait for what the event loop does?"""
        return threading.get_ident() == self._thread

    @property
    def is_running(self) -> bool:
        """Is there an event loop that sends?"""
        return self._loop.is_running()

    def submit(self, envelope: Envelope) -> None:
        """Put an envelope at the end of the queue."""
        if self.is_here:
            self._queue.put_nowait(envelope)
        else:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, envelope)

    def wait(self, limit_s: float) -> bool:
        """Wait in another thread until all are sent, and tell if they are."""
        waiting = asyncio.run_coroutine_threadsafe(self._queue.join(), self._loop)
        try:
            waiting.result(limit_s)
        except TimeoutError:
            waiting.cancel()
            return False
        return True

    def take_back(self) -> list[Envelope]:
        """Return what waits, which is no longer sent here. On the event loop's thread, or after its end."""
        taken = []
        while not self._queue.empty():
            taken.append(self._queue.get_nowait())
            self._queue.task_done()
        return taken

    def stop(self) -> None:
        """End the tasks and their connections. On the event loop's thread."""
        for task in self._tasks:
            task.cancel()
        for stream in self._streams:
            stream.close()

    async def _send(self, stream: Stream) -> None:
        while True:
            envelope = await self._queue.get()
            try:
                await self._post(stream, envelope)
            finally:
                self._queue.task_done()
