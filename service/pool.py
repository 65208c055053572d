"""The one way in which computations leave the event loop: a few threads per worker, a short queue, a deadline each.

What finds the queue full is refused at once (503, `overloaded`): an answer now, and time for the others, beats one that
comes when its caller has gone. What takes too long is stopped at its next checkpoint (504): a thread cannot be ended
from outside, so every loop of a computation calls its checkpoint.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Final, TypeVar

from service.errors import Details, ErrorCode, IslError, OverloadedError
from service.graph import Checkpoint, no_checkpoint

# Python computes in one thread at a time; the others use what numpy and a waiting cache leave. More threads would only
# take turns with the event loop.
RUNNING_LIMIT: Final = 4
# At the usual 10 ms each, the last of the queue waits under a second; more would wait for nothing.
WAITING_LIMIT: Final = 64
RETRY_AFTER_S: Final = 1  # a full queue of usual requests is empty by then

T = TypeVar("T")


class Pool:
    """The threads of one worker. Safe to use from any event loop."""

    def __init__(self, running: int = RUNNING_LIMIT, waiting: int = WAITING_LIMIT) -> None:
        self._threads = ThreadPoolExecutor(max_workers=running, thread_name_prefix="computation")
        self._places = BoundedSemaphore(running + waiting)

    async def run(self, work: Callable[[Checkpoint], T], limit_s: float, trip: Checkpoint = no_checkpoint) -> T:
        """Run `work` in a thread, in this context: spans, scopes and the request id are those of the caller.

        `limit_s` counts from now, waiting included. `trip` is called once, at the first checkpoint.
        Raises OverloadedError when all places are taken, IslError (ISL_TIMEOUT) past the deadline.
        """
        if not self._places.acquire(blocking=False):
            raise OverloadedError("All computing threads are busy and the queue is full", RETRY_AFTER_S)
        future = self._submit(work, Deadline(limit_s, trip))
        # Whoever waits may go; the place is free when the work is over, not before.
        future.add_done_callback(lambda _: self._places.release())
        answer = asyncio.wrap_future(future)
        await asyncio.wait([answer], timeout=limit_s)
        if future.cancel():  # it never began
            raise timeout_error(limit_s)
        return await answer

    def _submit(self, work: Callable[[Checkpoint], T], deadline: "Deadline") -> "Future[T]":
        context = contextvars.copy_context()
        try:
            return self._threads.submit(context.run, work, deadline)
        except BaseException:
            self._places.release()
            raise

    def close(self) -> None:
        """Take no more work, and wait for what runs: at most as long as its deadline."""
        self._threads.shutdown(cancel_futures=True)


class Deadline:
    """The checkpoint of one computation."""

    def __init__(self, limit_s: float, trip: Checkpoint) -> None:
        self._limit_s = limit_s
        self._end_s = time.monotonic() + limit_s
        self._trip = trip
        self._is_tripped = False

    def __call__(self) -> None:
        """Raise IslError (ISL_TIMEOUT) past the deadline; the first time, also let faults on purpose hit."""
        if time.monotonic() > self._end_s:
            raise timeout_error(self._limit_s)
        if not self._is_tripped:
            self._is_tripped = True
            self._trip()


def timeout_error(limit_s: float) -> IslError:
    """Build the error of a computation that was stopped."""
    hints = ("Ask for less: a smaller graph, fewer samples, scenarios or options",)
    return IslError(
        ErrorCode.ISL_TIMEOUT, f"The computation did not end within {limit_s:g} seconds", Details(hints=hints)
    )
