"""Random ids whose bytes are fetched for many at a time, so that the event loop keeps the interpreter.

`os.urandom` lets go of the interpreter's lock for the length of its system call. Whoever waits for it takes it: here a
computing thread, which keeps it until it is done or for 5 ms, while the event loop stands still in the middle of a
request. Each id is such a call: four in a request that is not traced, ten in one that is. The bytes are the same, and
as hard to guess. Source: CPython 3.11, Python/bootstrap_hash.c, py_getrandom.
"""

import os
import uuid
from collections import deque
from typing import Final

ID_BYTES: Final = 16
FETCHED: Final = 256  # ids at a time: 4 KiB of bytes that are not used yet

_unused: Final[deque[bytes]] = deque()  # its ends are safe to use from any thread
if hasattr(os, "register_at_fork"):  # or there is no fork
    os.register_at_fork(after_in_child=_unused.clear)  # no two processes make the same id


def random_bytes() -> bytes:
    """Return ID_BYTES random bytes of the operating system, never the same ones twice."""
    while True:
        try:
            return _unused.popleft()
        except IndexError:
            fetched = os.urandom(ID_BYTES * FETCHED)
            _unused.extend(fetched[start : start + ID_BYTES] for start in range(0, len(fetched), ID_BYTES))


def make_uuid() -> uuid.UUID:
    """Return what `uuid.uuid4` returns: version 4, 122 random bits (RFC 9562)."""
    return uuid.UUID(bytes=random_bytes(), version=4)


def serve_uuids() -> None:
    """Let `uuid.uuid4` be `make_uuid` in this process: the SDK takes its ids from there, and has no option for it."""
    uuid.uuid4 = make_uuid
