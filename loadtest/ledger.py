"""The ledger: one line of JSON for every request that was sent, written as it ends. Standard library only.

Who reads it can say for each request what should have arrived at Sentry. Whoever sends requests writes here: Locust's
users, and the rehearsal's own probes.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

NO_ANSWER = 0  # status of a request that got none: it may or may not have reached the service


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


def read_ledger(path: Path) -> Iterator[Entry]:
    """Yield the entries so far; a last line that is still being written is left for the next time."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield Entry(**json.loads(line))
