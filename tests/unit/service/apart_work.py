"""What the tests of computing processes let them do: functions that a child can import."""

import os
import time

from service.errors import Details, ErrorCode, IslError
from service.graph import Checkpoint


def add(a: int, b: int, _checkpoint: Checkpoint) -> tuple[int, int]:
    """Add, and say in which process."""
    return a + b, os.getpid()


def divide(number: int, _checkpoint: Checkpoint) -> float:
    """Fail as a bug does."""
    return number / 0


def refuse(_checkpoint: Checkpoint) -> None:
    """Fail as a computation does that knows why."""
    raise IslError(ErrorCode.ISL_INVALID_MODEL, "no", Details(validation_failures=("here",), node_count=3))


def obey(checkpoint: Checkpoint) -> None:
    """Compute without end, and stop when told."""
    while True:
        checkpoint()
        time.sleep(0.001)


def ignore(_checkpoint: Checkpoint) -> None:
    """Compute without end."""
    time.sleep(60)


def die(_checkpoint: Checkpoint) -> None:
    """End as a process does that the kernel has no memory for."""
    os._exit(9)
