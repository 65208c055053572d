"""How many requests callers sent, by route: the ledger's tail, followed. Each request counts once, when it is sent."""

import json
import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

SPAN: Final = timedelta(days=1)  # that is kept: the longest that a page shows
MAX_BEHIND: Final = 32 * 1024**2  # bytes that are read of a ledger that was there before: some 100,000 requests
MAX_OPEN: Final = 50_000  # requests whose second line is awaited


class SentCounter:
    """Counts by second; may be asked from any thread."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._offset: int | None = None
        self._by_second: dict[int, Counter[str]] = {}
        self._open: dict[str, None] = {}  # ids whose first line was read, in order
        self._lock = threading.Lock()

    def between(self, since: datetime, until: datetime) -> dict[str, int]:
        """Requests by route that were sent in [since, until), in whole seconds."""
        with self._lock:
            self._read()
            self._forget(until - SPAN)
            seconds = range(int(since.timestamp()), int(until.timestamp()))
            total: Counter[str] = Counter()
            for second in seconds:
                total.update(self._by_second.get(second, {}))
        return dict(total)

    def _read(self) -> None:
        if not self._ledger.exists():
            return
        with self._ledger.open("rb") as file:
            if self._offset is None:
                self._offset = max(0, self._ledger.stat().st_size - MAX_BEHIND)
                if self._offset:
                    file.seek(self._offset)
                    self._offset += len(file.readline())  # the rest of a line
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                self._count(line)

    def _count(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            ident, route, second = str(entry["request_id"]), str(entry["route"]), int(entry["sent_at"])
        except (ValueError, KeyError, TypeError):
            return
        if ident in self._open:
            del self._open[ident]
            return
        self._open[ident] = None
        if len(self._open) > MAX_OPEN:
            del self._open[next(iter(self._open))]
        self._by_second.setdefault(second, Counter())[route] += 1

    def _forget(self, before: datetime) -> None:
        limit = int(before.timestamp())
        for second in [each for each in self._by_second if each < limit]:
            del self._by_second[second]
