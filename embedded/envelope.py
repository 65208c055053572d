"""Bytes -> envelope: the framing of Sentry's ingest protocol, strict where Relay is strict.

Rules, marked where they are applied:
  R1  headers are one JSON object, ended by exactly one newline or the end of the body
  R2  an item with `length` has that many bytes, then a newline or the end
  R3  an item without `length` runs to the next newline or the end
  R4  after the last item at most one newline may follow
Source: develop.sentry.dev/sdk/data-model/envelopes, and getsentry/relay, read 2026-11.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from embedded.errors import RejectedError
from embedded.lenient import instant

MAX_LENGTH: Final = 2**32 - 1  # Relay's u32; also keeps a huge number out of the slice arithmetic
# More than the counts of all item types together; a body of millions of empty items would hold everybody up.
MAX_ITEMS: Final = 1_000
INVALID = "bad envelope"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: what its header says it is, and its bytes."""

    type: str
    headers: dict[str, Any]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope; item payloads are not looked into yet."""

    headers: dict[str, Any]
    items: tuple[Item, ...]


def parse_envelope(body: bytes) -> Envelope:
    """Split a decompressed body into its header and items.

    Raises RejectedError naming the first thing that is malformed (400), or when there are too many items (413).
    """
    if not body:
        raise RejectedError(400, "empty request body", reason="no_data")
    headers, position = _headers(body, 0, "envelope")
    if headers.get("sent_at") is not None and instant(headers["sent_at"]) is None:
        raise RejectedError(400, INVALID, "invalid envelope header", f"sent_at {headers['sent_at']!r}")
    items: list[Item] = []
    while position < len(body):
        if len(items) == MAX_ITEMS:
            raise RejectedError(413, f"envelope exceeded size limits: more than {MAX_ITEMS} items", reason="too_large")
        item, position = _item(body, position)
        items.append(item)
    return Envelope(headers, tuple(items))


def _item(body: bytes, start: int) -> tuple[Item, int]:
    headers, position = _headers(body, start, "item")
    kind = headers.get("type")
    if not isinstance(kind, str) or not kind:
        raise RejectedError(400, INVALID, "invalid item header", f"byte {start}: no item type")
    end = _payload_end(body, position, headers)
    return Item(kind, headers, body[position:end]), end + 1  # R4: the newline belongs to the item


def _payload_end(body: bytes, position: int, headers: dict[str, Any]) -> int:
    if "length" not in headers:  # R3
        newline = body.find(b"\n", position)
        return len(body) if newline < 0 else newline
    length = headers["length"]
    if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= MAX_LENGTH:
        raise RejectedError(400, INVALID, "invalid item header", f"length {length!r}, allowed 0 to {MAX_LENGTH}")
    end = position + length
    if end > len(body):  # R2
        raise RejectedError(
            400, INVALID, f"unexpected end of file: {length} bytes announced, {len(body) - position} left"
        )
    if end < len(body) and body[end : end + 1] != b"\n":
        raise RejectedError(400, INVALID, "missing newline after header or payload")
    return end


def _headers(body: bytes, start: int, what: str) -> tuple[dict[str, Any], int]:
    newline = body.find(b"\n", start)
    end = len(body) if newline < 0 else newline
    line = body[start:end]
    if not line.strip():
        raise RejectedError(400, INVALID, f"missing {what} header")
    if not line.endswith(b"}"):  # R1: no carriage return, no trailing space
        cause = "missing newline after header or payload" if line.rstrip().endswith(b"}") else f"invalid {what} header"
        raise RejectedError(400, INVALID, cause)
    try:
        headers = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RejectedError(400, INVALID, f"invalid {what} header", str(error)) from None
    if not isinstance(headers, dict):
        raise RejectedError(400, INVALID, f"invalid {what} header")
    return headers, min(end + 1, len(body))
