"""Many rows with few statements. SQL only.

A statement gives the interpreter's lock away and has to get it back from the event loop, which costs more than a row.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

import apsw

Row = tuple[Any, ...]
R = TypeVar("R", bound=Row)
SIZES: Final = (64, 32, 16, 8, 4, 2, 1)  # rows of a statement: few texts, so that each is prepared once


def insert_rows(connection: apsw.Connection, head: str, rows: Sequence[Row], tail: str = "") -> None:
    """Run `head`, which ends with VALUES, then rows of equal length, then `tail`. What is written is no input."""
    for some in portions(rows):
        connection.execute(f"{head} {marks(len(some), len(some[0]))} {tail}", [value for row in some for value in row])


def portions(rows: Sequence[R]) -> Iterator[Sequence[R]]:
    """Split rows into pieces whose lengths are among SIZES."""
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@lru_cache
def marks(rows: int, columns: int) -> str:
    """Return the parameters of so many rows: `(?,?),(?,?)`."""
    return ",".join([f"({','.join('?' * columns)})"] * rows)
