"""A child of `service.apart`: functions and arguments in by a pipe, answers or errors out. Ends when the pipe does.

It has no Sentry, no database and no loop. Run as
`python -m service.computing_process <file descriptor> <niceness> <modules to read before the first computation>`.
"""

import importlib
import os
import pickle
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from tblib import Traceback

from service.pool import Deadline

Answer = tuple[Any, BaseException | None, dict[str, Any] | None]


def main(descriptor: int, niceness: int, reads: Sequence[str]) -> None:
    """Serve one worker until it closes its end, also by dying."""
    # To the whole group goes what a terminal or an init system sends; the worker still waits for answers then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(niceness)
    for module in reads:
        importlib.import_module(module)
    pipe = Connection(descriptor)
    try:
        pipe.send("ready")
        while True:
            function, arguments, left_s, limit_s = pipe.recv()
            pipe.send(_answer(function, arguments, Deadline(left_s, limit_s)))
    except (EOFError, OSError):
        return


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...], deadline: Deadline) -> Answer:
    try:
        return function(*arguments, deadline), None, None
    except Exception as error:  # noqa: BLE001  # raised again by the worker, with the way to it
        return None, _sendable(error), Traceback(error.__traceback__).to_dict()


def _sendable(error: Exception) -> Exception:
    """Return the error, or one that says its name where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # our own, made in the line itself
    except Exception:  # noqa: BLE001  # whatever a library's error does when it is copied
        return RuntimeError(type(error).__name__)
    return error


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
