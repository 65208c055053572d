"""A deadline for many tasks at little cost: tasks that began within the same moment share one timer.

`asyncio.timeout` makes a timer for each, which costs a small envelope as much as inflating and parsing it.
"""

import asyncio
from typing import Any, Final

SHARE: Final = 1 / 30  # of the span: how much later than its deadline a task may be ended


class Deadlines:
    """Ends tasks that take longer than a span, in seconds. Used by one event loop at a time."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._open: Deadline | None = None

    def begin(self) -> "Deadline":
        """Return the deadline to be entered by a task that begins now; the span counts from here or a little later."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        deadline = self._open
        if deadline is None or deadline.closes_s < now_s or deadline.loop is not loop:
            deadline = self._open = Deadline(loop, now_s + self._span_s * SHARE)
            loop.call_at(deadline.closes_s + self._span_s, deadline.expire)
        return deadline


class Deadline:
    """`with deadline:` around what must be over in time; raises TimeoutError where it is not. Not to be nested."""

    def __init__(self, loop: asyncio.AbstractEventLoop, closes_s: float) -> None:
        self.loop = loop
        self.closes_s = closes_s  # tasks that begin later get another one
        self._tasks: set[asyncio.Task[Any]] = set()
        self._late: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._tasks.add(task)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - as above
        self._tasks.discard(task)
        if task in self._late:
            self._late.discard(task)
            if task.uncancel() == 0 and kind is asyncio.CancelledError:
                raise TimeoutError

    def expire(self) -> None:
        """End the tasks that are still at it."""
        for task in self._tasks:
            self._late.add(task)
            task.cancel()
