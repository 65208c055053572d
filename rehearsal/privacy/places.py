"""Where telemetry goes: out of the service (the tap), into the store, on to people (the sink), into the log files."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import zstandard

from embedded.envelope import parse_envelope
from embedded.errors import RejectedError
from embedded.store.payloads import unpack
from embedded.tap import Tapped, read_tap
from rehearsal.privacy.search import Document

DATABASE: Final = "engine.sqlite"


def sent(tap: Path) -> Iterator[Document]:
    """All that left the service for Sentry, as it arrived there. Raises TapFullError where the tap is not whole."""
    for request in read_tap(tap):
        yield from _request(request)


def stored(engine: Path) -> Iterator[Document]:
    """The engine's database as bytes, its journal too, then each value with compressed ones unpacked."""
    for path in sorted(engine.glob(f"{DATABASE}*")):
        yield Document(path.name, path.read_bytes())
    with closing(sqlite3.connect(f"file:{engine / DATABASE}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name from the schema itself
            columns = [str(column[0]) for column in rows.description]
            for row in rows:
                for column, value in zip(columns, row, strict=True):
                    if isinstance(value, str | bytes):
                        yield Document(f"{table}.{column}", _plain(value))


def notified(pages: Path) -> Iterator[Document]:
    """Each notification as it reached the sink."""
    if pages.exists():
        for line in pages.read_bytes().splitlines():
            yield Document("page", line)


def logged(folder: Path) -> Iterator[Document]:
    """The log files of the service."""
    for path in sorted(folder.glob("service*.log")):
        yield Document(path.name, path.read_bytes())


def _request(request: Tapped) -> Iterator[Document]:
    head = {"target": request.target, "headers": request.headers}
    yield Document("request to Sentry", json.dumps(head, ensure_ascii=False).encode())
    try:
        envelope = parse_envelope(request.body)
    except RejectedError:
        yield Document("request body", request.body)
        return
    yield Document("envelope header", json.dumps(envelope.headers, ensure_ascii=False).encode())
    for item in envelope.items:
        yield Document(f"{item.type} item header", json.dumps(item.headers, ensure_ascii=False).encode())
        yield Document(f"{item.type} item", item.payload)


def _plain(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    try:
        return unpack(raw) if isinstance(value, bytes) else raw
    except zstandard.ZstdError:
        return raw
