"""The one way in which computations leave the event loop: a few threads per worker, a short queue, a deadline each.

Short ones are computed in their thread. Long ones would keep the interpreter from the event loop: their thread hands
them to a process (`service.apart`), and waits.

What finds the queue full is refused at once (503, `overloaded`): an answer now, and time for the others, beats one that
comes when its caller has gone. What takes too long is stopped at its next checkpoint (504): a thread cannot be ended
from outside, so every loop of a computation calls its checkpoint.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from threading import BoundedSemaphore, Lock
from typing import Any, Final, TypeVar

from service.apart import Apart
from service.errors import OverloadedError, timeout_error
from service.graph import Checkpoint, no_checkpoint

# Python computes in one thread at a time; the others use what numpy and a waiting cache leave. More threads would only
# take turns with the event loop.
RUNNING_LIMIT: Final = 4
# At the usual 10 ms each, the last of the queue waits under a second; more would wait for nothing.
WAITING_LIMIT: Final = 64
RETRY_AFTER_S: Final = 1  # a full queue of usual requests is empty by then

T = TypeVar("T")


class Deadline:
    """The checkpoint of one computation."""

    def __init__(self, left_s: float, limit_s: float, trip: Checkpoint = no_checkpoint) -> None:
        self._limit_s = limit_s
        self._end_s = time.monotonic() + left_s
        self._trip = trip
        self._is_tripped = False

    def __call__(self) -> None:
        """Raise IslError (ISL_TIMEOUT) past the deadline; the first time, also let faults on purpose hit."""
        if time.monotonic() > self._end_s:
            raise timeout_error(self._limit_s)
        if not self._is_tripped:
            self._is_tripped = True
            self._trip()

    @property
    def left_s(self) -> float:
        """Seconds until it is past; 0 from then on."""
        return max(0.0, self._end_s - time.monotonic())


class Task(Deadline):
    """What the work of a pool is given: its checkpoint, and the way to compute what takes long."""

    def __init__(self, limit_s: float, trip: Checkpoint, apart: Apart | None, turn: Lock) -> None:
        super().__init__(limit_s, limit_s, trip)
        self._apart = apart
        self._turn = turn

    def compute(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call `function(*arguments, checkpoint)`, in a process where the pool has some, and here until it is ready.

        Here one computes at a time. numpy lets the interpreter go and takes it back with each call: four that did so at
        once took twice the CPU time of one after the other.
        `function` is one of a module. Raises what it raises, IslError (ISL_TIMEOUT), ProcessLostError.
        """
        self()  # faults hit on this side
        with self._apart.lend() if self._apart else nullcontext() as process:
            if process is not None:
                return process.call(function, arguments, self.left_s, self._limit_s)
            if not self._turn.acquire(timeout=self.left_s):
                raise timeout_error(self._limit_s)
            try:
                return function(*arguments, self)
            finally:
                self._turn.release()


class Pool:
    """The threads of one worker. Safe to use from any event loop.

    `apart` has a process for each thread, for work that asks for one.
    """

    def __init__(self, running: int = RUNNING_LIMIT, waiting: int = WAITING_LIMIT, apart: Apart | None = None) -> None:
        self._threads = ThreadPoolExecutor(max_workers=running, thread_name_prefix="computation")
        self._places = BoundedSemaphore(running + waiting)
        self._apart = apart
        self._turn = Lock()

    async def run(self, work: Callable[[Task], T], limit_s: float, trip: Checkpoint = no_checkpoint) -> T:
        """Run `work` in a thread, in this context: spans, scopes and the request id are those of the caller.

        `limit_s` counts from now, waiting included. `trip` is called once, at the first checkpoint.
        Raises OverloadedError when all places are taken, IslError (ISL_TIMEOUT) past the deadline.
        """
        if not self._places.acquire(blocking=False):
            raise OverloadedError("All computing threads are busy and the queue is full", RETRY_AFTER_S)
        future = self._submit(work, Task(limit_s, trip, self._apart, self._turn))
        # Whoever waits may go; the place is free when the work is over, not before.
        future.add_done_callback(lambda _: self._places.release())
        answer = asyncio.wrap_future(future)
        await asyncio.wait([answer], timeout=limit_s)
        if future.cancel():  # it never began
            raise timeout_error(limit_s)
        return await answer

    def _submit(self, work: Callable[[Task], T], task: Task) -> "Future[T]":
        context = contextvars.copy_context()
        try:
            return self._threads.submit(context.run, work, task)
        except BaseException:
            self._places.release()
            raise

    def prepare(self) -> None:
        """Start its processes, if it has any; takes some milliseconds, and they half a second of a CPU."""
        if self._apart is not None:
            self._apart.prepare()

    def close(self) -> None:
        """Take no more work, and wait for what runs: at most as long as its deadline."""
        self._threads.shutdown(cancel_futures=True)
        if self._apart is not None:
            self._apart.close()
