"""Ctrl-C and its relatives. The first signal ends the work, a second one the patience; none ends the clean-up.

Signals belong to the whole process, and so does this module's state.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class _State:
    received: int = 0
    told: int = 0  # of those received, the ones that became a KeyboardInterrupt
    shields: int = 0


_state: Final = _State()


def install() -> None:
    """Treat SIGTERM and SIGHUP as Ctrl-C. A signal that our parent had us ignore, as `nohup` does, stays ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _receive)


@contextmanager
def shielded() -> Iterator[None]:
    """Run the body to its end whatever signals arrive; then raise KeyboardInterrupt if one did."""
    _state.shields += 1
    try:
        yield
    finally:
        _state.shields -= 1
    if not _state.shields and _state.told < _state.received:
        _state.told = _state.received
        raise KeyboardInterrupt


def is_hurried() -> bool:
    """Did a second signal come? Then nothing is asked politely any more."""
    return _state.received > 1


def _receive(_: int, __: FrameType | None) -> None:
    _state.received += 1
    if not _state.shields:
        _state.told = _state.received
        raise KeyboardInterrupt
