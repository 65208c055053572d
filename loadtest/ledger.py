"""The ledger: two lines of JSON per request, one before it is sent and one when it has ended. Standard library only.

Who reads it can say for each request what should have arrived at Sentry. Whoever sends requests writes here: Locust's
users, and the rehearsal's own probes. The first line is why a request that was cut off is not forgotten.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TextIO

SERVER_ERROR = 500
MAX_REASON_CHARS = 80
OVERLOADED = "overloaded"  # reason of a 503 that sheds load: the service refused before it began
NO_ANSWER = 0  # status of a request that has none: it may or may not have reached the service
PROBE = "probe"  # intent of a request that only asks whether the service is there
PLANTED = "planted"  # intent of a request that carries secrets on purpose
FORCED = "forced"  # intent of a request whose trace headers say whether it is sampled
CANARY = "canary"  # intent of the rehearsal's own transaction, which no request of the service stands behind


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer."""

    request_id: str
    intent: str  # what the caller wanted, for example `validate_graph`
    method: str
    route: str  # path template
    sent_at: float  # seconds since the epoch
    latency_ms: float
    status: int  # HTTP status, or NO_ANSWER
    problem: str | None  # why the answer is not what this intent expects; None when it is
    reason: str | None = None  # of an error answer: the `reason` of its body, which tells shed load from failures
    late_ms: float = 0.0  # how long after it was due it was sent
    lag_ms: float = 0.0  # of that, what the load generator made itself: it was free to send, and woke up late

    @property
    def is_shed(self) -> bool:
        """Was it refused for lack of room? That is no failure, and no error event."""
        return self.status >= SERVER_ERROR and self.reason == OVERLOADED

    @property
    def is_failed(self) -> bool:
        """Did the service fail? Then exactly one error event is due."""
        return self.status >= SERVER_ERROR and not self.is_shed


class LedgerWriter:
    """Appends entries to a file; several processes may append to the same one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Line-buffered: one write per entry, so that lines of different processes do not mix and a reader can follow.
        self._file: TextIO = path.open("a", buffering=1, encoding="utf-8")

    def write(self, entry: Entry) -> None:
        self._file.write(json.dumps(asdict(entry), separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._file.close()


def unanswered(request_id: str, intent: str, method: str, route: str, sent_at: float) -> Entry:
    """The entry to write before the request is sent."""
    return Entry(request_id, intent, method, route, sent_at, 0.0, NO_ANSWER, "no answer")


def answered(entry: Entry, latency_ms: float, status: int, problem: str | None, reason: str | None = None) -> Entry:
    """The entry to write when it has ended; it replaces the first."""
    return replace(entry, latency_ms=latency_ms, status=status, problem=problem, reason=reason)


def reason_of(body: str | None) -> str | None:
    """The `reason` of an error body, in whatever the service really answered."""
    try:
        content = json.loads(body or "")
    except ValueError:
        return None
    reason = content.get("reason") if isinstance(content, dict) else None
    return reason[:MAX_REASON_CHARS] if isinstance(reason, str) else None


class Ledger:
    """Reads the ledger while it is being written; each `refresh` reads only what is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._entries: dict[str, Entry] = {}

    def refresh(self) -> list[Entry]:
        """Return all entries so far, in the order of their sending; a half-written line is left for the next time."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offset += len(line)
                    entry = Entry(**json.loads(line))
                    self._entries[entry.request_id] = entry
        return list(self._entries.values())

    def between(self, since: datetime, until: datetime) -> list[Entry]:
        """Return the requests that were sent in [since, until), as far as they are written."""
        return [each for each in self.refresh() if since.timestamp() <= each.sent_at < until.timestamp()]
