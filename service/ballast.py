"""Memory that is held for nothing, as a leak would: what the fault memory_pressure does to its worker."""

import threading
from typing import Final

MIB: Final = 1024 * 1024


class Ballast:
    """Holds as many MiB as it was last told to. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[bytearray] = []

    @property
    def size_mib(self) -> int:
        """How much is held."""
        return len(self._blocks)

    def hold(self, size_mib: float) -> None:
        """Take or give back memory, MiB by MiB. Written to, since pages that nobody writes are not there."""
        wanted = int(size_mib)
        if wanted == len(self._blocks):  # read without the lock: usually nothing is to be done
            return
        with self._lock:
            del self._blocks[wanted:]
            while len(self._blocks) < wanted:
                self._blocks.append(bytearray(b"\x01") * MIB)
