"""Small files by which processes tell each other things: replaced whole, so that no reader ever sees half of one."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rehearsal.errors import EnvironmentMissingError

PRIVATE: Final = 0o600


def write_text(path: Path, text: str) -> None:
    """Replace the file; only its owner may read it, since some of these hold secrets."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with open(fresh, "w", opener=_open_private, encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def write_json(path: Path, content: object) -> None:
    """Replace the file with this as JSON."""
    write_text(path, json.dumps(content, indent=2))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in the file, empty where there is none. Raises EnvironmentMissingError if it is no object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise EnvironmentMissingError(f"{path} is damaged ({error}); remove it") from None
    if not isinstance(found, dict):
        raise EnvironmentMissingError(f"{path} is damaged (no object); remove it")
    return found


@contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file while the body runs. Raises EnvironmentMissingError at once if another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentMissingError(f"another process is {doing} ({path} is locked); wait for it") from None
        yield


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)
