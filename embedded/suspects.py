"""Which texts of a payload may hold a secret: one scan of its bytes, whatever the number of things it looks for.

Finds at least what `scrub` would replace; most payloads hold nothing of the kind and are never walked.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
import re2

SENSITIVE: Final = (
    "password",
    "secret",
    "passwd",
    "api_key",
    "apikey",
    "api-key",
    "auth",
    "credentials",
    "mysql_pwd",
    "privatekey",
    "private_key",
    "token",
    "bearer",
)
BACKSLASH: Final = ord("\\")
# The same for the scan of the bytes, which sees a JSON text with its escapes; `_is_card` says which digit is the first.
_PATTERNS: Final = (
    r"(?:^|[^\w.]|\\[bfnrt])[2-6](?:[ -]?\d){12,18}(?:$|[^\w.])",
    r"bearer|basic",
    r":\\?/\\?/[^/\s\"@:]*:[^/\s\"@]+@",
    r"private key-----",
)
MAX_MATCHES: Final = 500  # texts that the scan names one by one; where there are more, each text is looked at
MAX_NEEDLES: Final = 16  # texts that are searched for before a value is walked
MAX_SEARCHED_DEPTH: Final = 8  # levels; what is deeper would be searched once for each of them
UNSEARCHED: Final = MAX_SEARCHED_DEPTH + 1
_IS_TEXT: Final = re.compile(rb'"[^\s:,\]}].*"', re.DOTALL)  # what stands between two texts begins with one of these


@dataclass(frozen=True, slots=True)
class Scrubbing:
    """A project's settings, under Sentry's names."""

    is_on: bool = True  # dataScrubber
    with_defaults: bool = True  # dataScrubberDefaults
    sensitive_fields: tuple[str, ...] = ()
    safe_fields: tuple[str, ...] = ()
    ip_addresses: bool = False  # scrubIPAddresses


class Suspects:
    """The keys and texts in which the scan found something, and in which values they are."""

    def __init__(self, texts: set[str]) -> None:
        self._texts = texts
        self._needles = tuple(orjson.dumps(text)[1:-1] for text in texts) if len(texts) <= MAX_NEEDLES else ()
        self._scrubbed: dict[str, str] = {}

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    def scrubbed(self, text: str, scrub: Callable[[str], str]) -> str:
        """Return the text without secrets; one that stands in many frames is scrubbed once."""
        found = self._scrubbed.get(text)
        if found is None:
            found = self._scrubbed[text] = scrub(text)
        return found

    def may_be_in(self, value: Any, depth: int) -> bool:
        """Tell if a value is to be walked. Searching what it is written as takes a tenth of the time of a walk."""
        kind = type(value)
        if kind is str:
            return value in self._texts
        if kind is not dict and kind is not list:
            return False
        if depth > MAX_SEARCHED_DEPTH or not self._needles:
            return True
        written = orjson.dumps(value)
        return any(needle in written for needle in self._needles)


class Everything(Suspects):
    """Stands for the suspects where there are too many to name, and where numbers are among them."""

    def __contains__(self, _: str) -> bool:
        return True

    def may_be_in(self, value: Any, depth: int) -> bool:  # noqa: ARG002
        return isinstance(value, str | dict | list | int)


def scan(payload: bytes, settings: Scrubbing) -> Suspects | None:
    """Find the texts that the walk has to look at, at least all that it would change; None where there are none."""
    scanner = _scanner(settings)
    match = scanner.search(payload) if scanner else None
    if match is None:
        return None
    found: set[str] = set()
    for _ in range(MAX_MATCHES):
        opening, closing = _enclosing(payload, match.start())
        text = payload[opening : closing + 1]
        if not _IS_TEXT.match(text):
            return Everything(set())
        with suppress(orjson.JSONDecodeError):  # then the payload is no JSON either
            found.add(orjson.loads(text))
        match = scanner.search(payload, closing)
        if match is None:
            return Suspects(found)
    return Everything(set())


def _enclosing(payload: bytes, place: int) -> tuple[int, int]:
    """The quotes around a place in a JSON text, or the two that are nearest to a place between texts."""
    opening = payload.rfind(b'"', 0, place + 1)
    while opening > 0 and _is_escaped(payload, opening):
        opening = payload.rfind(b'"', 0, opening)
    closing = payload.find(b'"', place + 1)
    while closing > 0 and _is_escaped(payload, closing):
        closing = payload.find(b'"', closing + 1)
    return max(opening, 0), closing if closing > 0 else len(payload)


def _is_escaped(payload: bytes, place: int) -> bool:
    first = place
    while first > 0 and payload[first - 1] == BACKSLASH:
        first -= 1
    return (place - first) % 2 == 1


@lru_cache(maxsize=64)
def _scanner(settings: Scrubbing) -> Any:
    """All that the scan looks for, as one automaton: one pass over the bytes, whatever their number.

    None where nothing is looked for. Bytes are taken for Latin-1, so a letter outside of ASCII ends a word: more is
    found than by the walk, never less.
    """
    patterns = [re2.escape(orjson.dumps(word).decode()[1:-1]) for word in sensitive_words(settings)]
    patterns += _PATTERNS if settings.is_on and settings.with_defaults else ()
    patterns += ("ip_address", "remote_addr") if settings.ip_addresses else ()
    if not patterns:
        return None
    options = re2.Options()
    options.case_sensitive = False
    options.encoding = re2.Options.Encoding.LATIN1  # bytes
    return re2.compile("|".join([*patterns, r"\\u"]).encode(), options)  # what is escaped may be any of these


@lru_cache(maxsize=64)
def sensitive_words(settings: Scrubbing) -> tuple[str, ...]:
    """What makes a key sensitive, in lower case."""
    if not settings.is_on:
        return ()
    own = (field.lower() for field in settings.sensitive_fields)
    return tuple(dict.fromkeys([*(SENSITIVE if settings.with_defaults else ()), *own]))
