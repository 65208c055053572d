"""Reading JSON of strangers: a value if it has the shape that is asked for, else an empty one. Never raises."""

from collections.abc import Iterable
from typing import Any, Final

MAX_TAG: Final = 200  # of a key and of a value, characters. Source: relay normalisation, read 2026-11


def mapping(value: object) -> dict[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """Return the value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def tags(value: object) -> dict[str, str]:
    """Return tags written as a mapping or as a list of pairs; the first of two equal keys is kept."""
    pairs: Iterable[Any] = value.items() if isinstance(value, dict) else sequence(value)
    found: dict[str, str] = {}
    for pair in pairs:
        if isinstance(pair, tuple | list) and len(pair) == 2 and pair[0] and pair[1] is not None:
            found.setdefault(str(pair[0])[:MAX_TAG], str(pair[1])[:MAX_TAG])
    return found
