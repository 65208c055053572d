"""The engine with another linger, by its usual settings. Run as `python -m tests.bench.lingering MS`."""

import sys

from embedded import __main__
from embedded.store import appender

if __name__ == "__main__":
    appender.LINGER_S = float(sys.argv[1]) / 1000  # type: ignore[misc]  # a constant, except for who measures it
    sys.exit(__main__.main())
