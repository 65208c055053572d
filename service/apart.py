"""Long computations leave the interpreter: a process beside the worker does them, and is ended at the deadline.

The worker keeps what belongs to the request: its spans, its context, faults on purpose, the cache. What crosses over is
a pure function of a module with its arguments, and its answer or its error.
"""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any, Final, TypeVar

from tblib import Traceback

from service.errors import timeout_error

ROOT: Final = Path(__file__).parents[1]  # from where the child finds this package
# A computation stops itself at the deadline; whoever is still silent so much later is ended, and a new process begins.
GRACE_S: Final = 0.1
END_S: Final = 1.0  # for a process that is told to end by closing its pipe
READS: Final = ("service.identify", "service.robustness")

T = TypeVar("T")


class ProcessLostError(Exception):
    """The process ended in the middle of a computation: a crash of a library, or the kernel had no memory left."""


class Process:
    """One child, started when it is told to, or needed, and again after it was ended. For one thread at a time."""

    def __init__(self, niceness: int, reads: Sequence[str] = READS) -> None:
        self._niceness = niceness  # how much it steps back for others, 0 to 19
        self._reads = reads  # modules that it reads before it is ready, since its first computation is as urgent as any
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._is_ready = False

    def start(self) -> None:
        """Start a child, unless there is a living one; it reads its code while nobody waits for it."""
        if self._child is not None and self._child.poll() is None:
            return
        self.end()
        self._pipe, theirs = Pipe()
        numbers = [str(theirs.fileno()), str(self._niceness)]
        self._child = subprocess.Popen(  # noqa: S603  # numbers and names of our own
            [sys.executable, "-m", "service.computing_process", *numbers, *self._reads],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def is_ready(self) -> bool:
        """Tell if a computation can begin at once; where no child lives, start one."""
        self.start()
        pipe = self._pipe
        if not self._is_ready and pipe is not None and pipe.poll():
            with contextlib.suppress(EOFError, OSError):
                pipe.recv()  # its first word
                self._is_ready = True
        return self._is_ready

    def await_ready(self, limit_s: float) -> None:
        """Start it, and wait until a computation can begin at once. Raises ProcessLostError if none can by then."""
        self.start()
        pipe = self._pipe
        if pipe is None or not pipe.poll(limit_s) or not self.is_ready():
            self.end()
            raise ProcessLostError("a computing process did not begin")

    def call(self, function: Callable[..., T], arguments: tuple[Any, ...], left_s: float, limit_s: float) -> T:
        """Compute `function(*arguments, checkpoint)` over there, and raise here what it raised there. Only when ready.

        Raises IslError (ISL_TIMEOUT) after `left_s`, ProcessLostError. `limit_s` is what the message says.
        """
        pipe = self._pipe
        if pipe is None:
            raise ProcessLostError("there is no computing process")
        try:
            pipe.send((function, arguments, left_s, limit_s))
            if not pipe.poll(left_s + GRACE_S):
                self.kill()
                raise timeout_error(limit_s)
            answer, error, trace = pipe.recv()
        except (EOFError, OSError) as lost:
            self.kill()
            raise ProcessLostError("a computing process ended before its answer") from lost
        if error is not None:
            raise error.with_traceback(Traceback.from_dict(trace).as_traceback())
        found: T = answer
        return found

    def kill(self) -> None:
        """End it at once, whatever it does, and begin with a new one."""
        if self._child is not None:
            self._child.kill()
        self.end()
        self.start()

    def end(self) -> None:
        """Close the pipe, upon which an idle child ends by itself; whoever does not is killed."""
        if self._pipe is not None:
            self._pipe.close()
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(END_S)
            self._child.kill()
            self._child.wait()
        self._child = self._pipe = None
        self._is_ready = False


class Apart:
    """A few of them. Safe for threads, of which there are to be no more than processes."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes
        self._idle: LifoQueue[Process] = LifoQueue()  # the one that was used last has the warmest memory
        for process in self._processes:
            self._idle.put(process)

    @contextlib.contextmanager
    def lend(self) -> Iterator[Process | None]:
        """Lend one that is ready; None where it is still reading its code, since nobody is to wait for that.

        One that was not prepared begins when it is first asked for.
        """
        process = self._idle.get()
        try:
            yield process if process.is_ready() else None
        finally:
            self._idle.put(process)

    def prepare(self) -> None:
        """Start those that nobody uses, for whoever comes first. Does not wait until they are ready."""
        idle: list[Process] = []
        with contextlib.suppress(Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for process in idle:
            process.start()
            self._idle.put(process)

    def close(self) -> None:
        """End them all."""
        for process in self._processes:
            process.end()
