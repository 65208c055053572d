"""Reading JSON of strangers: a value if it has the shape that is asked for, else an empty one. Never raises."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

MAX_TAG: Final = 200  # of a key and of a value, characters. Source: relay normalisation, read 2026-11
MAX_NAME: Final = 200  # transaction name, culprit, release, category, exception type, characters
MAX_QUANTITY: Final = 1_000_000_000  # of one count; a forged one must not drown the books
MAX_PAST: Final = timedelta(days=30)  # older or newer timestamps are replaced by the time of receipt
MAX_FUTURE: Final = timedelta(seconds=60)
_HEX: Final = frozenset("0123456789abcdefABCDEF")


def mapping(value: object) -> dict[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """Return the value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return the value if it is a text with something in it, cut to MAX_NAME."""
    return value[:MAX_NAME] if isinstance(value, str) and value else None


def quantity(value: object) -> int:
    """Return a positive whole number, at most MAX_QUANTITY; 0 for anything else."""
    return min(value, MAX_QUANTITY) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def hex_id(value: object, length: int) -> str | None:
    """Return an id of so many hex digits in lower case, None for anything else."""
    return value.lower() if isinstance(value, str) and len(value) == length and _HEX.issuperset(value) else None


def uuid_hex(value: object) -> str | None:
    """Return a UUID in any of its spellings as 32 hex digits in lower case, None for anything else."""
    found = hex_id(value, 32)
    if found is not None:
        return found
    try:
        return UUID(str(value)).hex
    except ValueError:
        return None


def instant(value: object) -> datetime | None:
    """Return an RFC 3339 text or seconds since the epoch as an aware UTC instant, None for anything else."""
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
            if parsed.tzinfo is UTC:  # as most are written
                return parsed
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def within_range(moment: datetime, received_at: datetime) -> datetime:
    """Return the moment, or the time of receipt where the moment is too far from it to be true."""
    return moment if received_at - MAX_PAST <= moment <= received_at + MAX_FUTURE else received_at


def tags(value: object) -> dict[str, str]:
    """Return tags written as a mapping or as a list of pairs; the first of two equal keys is kept."""
    pairs: Iterable[Any] = value.items() if isinstance(value, dict) else sequence(value)
    found: dict[str, str] = {}
    for pair in pairs:
        if isinstance(pair, tuple | list) and len(pair) == 2 and pair[0] and pair[1] is not None:
            found.setdefault(str(pair[0])[:MAX_TAG], str(pair[1])[:MAX_TAG])
    return found
