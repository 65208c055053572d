"""Run the engine on a clock that is ahead of the machine's: `python -m tests.path.shifted SECONDS`."""

import sys
from datetime import datetime, timedelta

from embedded.__main__ import serve
from embedded.clock import SystemClock


class ShiftedClock(SystemClock):
    """The machine's clock, ahead by so much."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return super().now() + self._ahead


if __name__ == "__main__":
    sys.exit(serve(ShiftedClock(timedelta(seconds=float(sys.argv[1])))))
