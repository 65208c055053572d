"""Where the CPU time of a process with one thread goes, by the part of the code that it is in.

Counting calls, as cProfile does, makes what calls much look dear. Here the stack is looked at with each tick of the
process's CPU clock. With several threads it would be wrong: the main thread is shown whichever of them the tick hits.
"""

import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

TICK_S: Final = 0.001  # the kernel makes 0.004 of it where its own clock is slower

# By the innermost frame that one of these is in the name of. Ours first, since the SDK calls some of it.
PARTS: Final[Mapping[str, Sequence[str]]] = {
    "our scrubber and hooks": ("service/scrubbing/", "service/event_hooks.py"),
    "writing, compressing, posting": ("service/sending/",),
    "the SDK's serialiser": ("sentry_sdk/serializer.py:",),
    "spans": (":start_child", "service/spans.py:", "sentry_sdk/integrations/sqlalchemy.py:"),
    "breadcrumbs": (":add_breadcrumb", "sentry_sdk/integrations/logging.py:"),
    "making the transaction": (":continue_trace", ":start_transaction"),
    "finishing the event": ("sentry_sdk/tracing.py:finish", "sentry_sdk/tracing.py:__exit__", ":capture_event"),
    "session and forked scopes": ("sentry_sdk/sessions.py:", ":isolation_scope", "sentry_sdk/scope.py:fork"),
}
THE_SDK: Final = "other code of the SDK: its layer and wrappers"
SERVICE: Final = "the service"
LAYERS: Final = ("fastapi/", "starlette/", "service/", "tests/bench/")  # what the SDK wraps, and what wraps it


class PartProfiler:
    """Tells which share of the CPU time that passes while `running` goes to which part."""

    def __init__(self) -> None:
        self._ticks: Counter[str] = Counter()
        self._spent_s = 0.0

    @property
    def spent_us(self) -> dict[str, float]:
        """Microseconds of CPU time by part."""
        tick_us = self._spent_s / max(1, self._ticks.total()) * 1e6
        return {part: ticks * tick_us for part, ticks in self._ticks.items()}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sample. In the main thread, whose stacks a signal's handler sees."""
        before = signal.signal(signal.SIGPROF, self._take)
        begun_s = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
            self._spent_s += time.process_time() - begun_s

    def _take(self, _number: int, frame: FrameType | None) -> None:
        self._ticks[find_part(frame)] += 1


def find_part(frame: FrameType | None) -> str:
    """Name the part that a stack is in."""
    is_sdk = False
    while frame is not None:
        name = f"{frame.f_code.co_filename}:{frame.f_code.co_name}"
        for part, marks in PARTS.items():
            if any(mark in name for mark in marks):
                return part
        if "sentry_sdk/" in name:
            is_sdk = True
        elif any(layer in name for layer in LAYERS):
            break
        frame = frame.f_back
    return THE_SDK if is_sdk else SERVICE
