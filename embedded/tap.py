"""The tap: every ingest request as it arrived, body decoded but before anything is scrubbed. Off unless asked for.

What a service lets out can be judged here only: the engine's own scrubbing hides it from every later look. So the file
holds what nobody else may read: its mode is 0600, and it ends at a bound.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PRIVATE: Final = 0o600
FULL: Final = "full"  # key of the last line of a file that could not take more


@dataclass(frozen=True, slots=True)
class Tapped:
    """One request."""

    target: str  # path, with its query
    headers: dict[str, str]  # lower-case names
    body: bytes  # without its content encoding


class Tap:
    """Appends requests to a file; what an earlier start of the engine left there stays and counts."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
        os.fchmod(self._descriptor, PRIVATE)  # also where the file was there already
        self._left_bytes = max_bytes - os.fstat(self._descriptor).st_size
        self._is_over = self._is_told = False

    def keep(self, path: str, query: str, headers: Mapping[str, str], body: bytes) -> None:
        """Append a request whole, or, once one does not fit, a line that says so and nothing any more."""
        target = f"{path}?{query}" if query else path
        head = {"target": target, "headers": dict(headers), "bytes": len(body)}
        record = json.dumps(head).encode() + b"\n" + body + b"\n"
        if not self._is_over and len(record) <= self._left_bytes and self._append(record):
            self._left_bytes -= len(record)
        elif not self._is_told:
            self._is_over = True
            self._is_told = self._append(json.dumps({FULL: True}).encode() + b"\n")

    def _append(self, record: bytes) -> bool:
        """Tell if all of it was written; a disk that is full ends the tap, never ingest."""
        try:
            return os.write(self._descriptor, record) == len(record)
        except OSError:
            return False

    def close(self) -> None:
        os.close(self._descriptor)


class TapFullError(Exception):
    """The file ends before the requests did: what it lacks cannot be judged."""


def read_tap(path: Path) -> Iterator[Tapped]:
    """Yield the requests in the order of their arrival. Raises TapFullError at the end of a file that is not whole."""
    with path.open("rb") as file:
        for line in file:
            head = _read_head(path, line)
            body = file.read(head["bytes"] + 1)
            if len(body) <= head["bytes"]:  # the newline after it is missing
                raise TapFullError(f"{path} breaks off in the middle of a request")
            yield Tapped(head["target"], head["headers"], body[:-1])


def _read_head(path: Path, line: bytes) -> dict[str, Any]:
    try:
        head: dict[str, Any] = json.loads(line)
    except ValueError:
        raise TapFullError(f"{path} breaks off in the middle of a request") from None
    if FULL in head:
        raise TapFullError(f"{path} reached its bound, or the disk was full, so later requests are not in it")
    return head
