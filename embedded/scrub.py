"""Data scrubbing: what looks like a secret leaves a payload before anything of it is stored.

Sentry's defaults: values under sensitive keys at any depth, card numbers, private keys, passwords in URLs, bearer
tokens. One scan of the bytes finds the texts that may hold any of these. Where there are none the payload is kept as it
came; else a walk over what was parsed looks at those texts, and at no others.
Source: docs.sentry.io, server-side data scrubbing; getsentry/relay, pii/convert.rs and regexes.rs, read 2026-11.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
import re2

FILTERED: Final = "[Filtered]"
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
# Parts of an event that describe the program, not its users; `modules` names packages such as `python-auth`.
STRUCTURAL: Final = frozenset({"_meta", "debug_meta", "modules", "sdk", "measurements"})
# Ids are never secrets, and a span id of sixteen digits may look like a card.
IDS: Final = frozenset(
    {
        "event_id",
        "parent_span_id",
        "profile_id",
        "profiler_id",
        "replay_id",
        "segment_id",
        "sentry.segment.id",
        "span_id",
        "trace_id",
    }
)
IP_ADDRESSES: Final = frozenset({"ip_address", "REMOTE_ADDR"})
MAX_KEY: Final = 64  # characters before and after the sensitive word of a key that stands in a text
MAX_KNOWN_KEYS: Final = 10_000  # that a walk keeps its verdict of
CARD_DIGITS: Final = range(13, 20)
BACKSLASH: Final = ord("\\")
# Not inside of a word: one in a few hundred hex ids holds the digits of a valid card.
_CARD: Final = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w.])")
_URL_PASSWORD: Final = re.compile(r"(://[^/\s\"@:]*:)[^/\s\"@]+(?=@)")
_SCHEME: Final = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)
# The same for the scan of the bytes, which sees a JSON text with its escapes; `_is_card` says which digit is the first.
_PATTERNS: Final = (
    r"(?:^|[^\w.]|\\[bfnrt])[2-6](?:[ -]?\d){12,18}(?:$|[^\w.])",
    r"bearer|basic",
    r":\\?/\\?/[^/\s\"@:]*:[^/\s\"@]+@",
    r"private key-----",
)
MAX_MATCHES: Final = 500  # texts that the scan names one by one; where there are more, each text is looked at
MAX_NEEDLES: Final = 16  # texts that are searched for before a value is walked
MAX_SEARCHED_DEPTH: Final = (
    8  # levels of a payload that are searched; deeper ones would be searched once for each level
)
_IS_TEXT: Final = re.compile(rb'"[^\s:,\]}].*"', re.DOTALL)  # what stands between two texts begins with one of these


@dataclass(frozen=True, slots=True)
class Scrubbing:
    """A project's settings, under Sentry's names."""

    is_on: bool = True  # dataScrubber
    with_defaults: bool = True  # dataScrubberDefaults
    sensitive_fields: tuple[str, ...] = ()
    safe_fields: tuple[str, ...] = ()
    ip_addresses: bool = False  # scrubIPAddresses


def scrub(payload: bytes, settings: Scrubbing) -> tuple[bytes, Any]:
    """Return the payload without secrets, the very bytes where there are none, and what it says.

    Raises orjson.JSONDecodeError when it is no JSON, orjson.JSONEncodeError when it is nested too deeply to be written
    again: nobody could read it later.
    """
    parsed = orjson.loads(payload)
    orjson.dumps(parsed)  # a tenth of the time that parsing takes
    suspects = _scan(payload, settings)
    if suspects is None:
        return payload, parsed
    scrubbed = _walk(settings).whole(parsed, suspects)
    return orjson.dumps(scrubbed), scrubbed


class _Suspects:
    """The keys and texts in which the scan found something, and in which values they are."""

    def __init__(self, texts: set[str]) -> None:
        self._texts = texts
        self._needles = tuple(orjson.dumps(text)[1:-1] for text in texts) if len(texts) <= MAX_NEEDLES else ()

    def __contains__(self, text: str) -> bool:
        return text in self._texts

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


class _Everything(_Suspects):
    """Stands for the suspects where there are too many to name, and where numbers are among them."""

    def __contains__(self, _: str) -> bool:
        return True

    def may_be_in(self, value: Any, depth: int) -> bool:  # noqa: ARG002
        return isinstance(value, str | dict | list | int)


EVERYTHING: Final = _Everything(set())


def _scan(payload: bytes, settings: Scrubbing) -> _Suspects | None:
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
            return EVERYTHING
        with suppress(orjson.JSONDecodeError):  # then the payload is no JSON either
            found.add(orjson.loads(text))
        match = scanner.search(payload, closing)
        if match is None:
            return _Suspects(found)
    return EVERYTHING


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
    patterns = [re2.escape(orjson.dumps(word).decode()[1:-1]) for word in _words(settings)]
    patterns += _PATTERNS if settings.is_on and settings.with_defaults else ()
    patterns += ("ip_address", "remote_addr") if settings.ip_addresses else ()
    if not patterns:
        return None
    options = re2.Options()
    options.case_sensitive = False
    options.encoding = re2.Options.Encoding.LATIN1  # bytes
    return re2.compile("|".join([*patterns, r"\\u"]).encode(), options)  # what is escaped may be any of these


@lru_cache(maxsize=64)
def _words(settings: Scrubbing) -> tuple[str, ...]:
    """What makes a key sensitive, in lower case."""
    if not settings.is_on:
        return ()
    own = (field.lower() for field in settings.sensitive_fields)
    return tuple(dict.fromkeys([*(SENSITIVE if settings.with_defaults else ()), *own]))


@lru_cache(maxsize=64)
def _walk(settings: Scrubbing) -> "_Walk":
    return _Walk(settings)


class _Walk:
    """The walk over a parsed payload, under some settings; keeps what it learned about keys."""

    def __init__(self, settings: Scrubbing) -> None:
        self._words = _words(settings)
        self._safe = frozenset(field.lower() for field in settings.safe_fields)
        self._has_patterns = settings.is_on and settings.with_defaults
        self._ip_addresses = settings.ip_addresses
        self._known: dict[str, bool] = {}
        marks = "|".join(re.escape(word) for word in self._words)
        # `token=abc` in a query string or a source line, `"token": "abc"` in a body that was kept as text.
        # A key is looked for at the beginning of a word only and is of bounded length, so that no text takes long.
        key = rf"(?<![\w.-])[\w.-]{{0,{MAX_KEY}}}(?:{marks})[\w.-]{{0,{MAX_KEY}}}"
        assigned = r"(?:=|\s{0,3}=\s{0,3}[\"']|=[\"']|\"\s{0,3}:\s{0,3}\")"
        self._assigned = re.compile(rf"(?i)({key}{assigned})([^&\s\"';,]+)")

    def whole(self, parsed: Any, suspects: _Suspects) -> Any:
        """Return the payload without secrets; objects and arrays are changed where they are."""
        if isinstance(parsed, dict):
            self._object(parsed, suspects, 0, STRUCTURAL | IDS)
            return parsed
        return self._value(parsed, suspects, 0)

    def _value(self, found: Any, suspects: _Suspects, depth: int) -> Any:
        if isinstance(found, str):
            return self._text(found)
        if isinstance(found, dict):
            self._object(found, suspects, depth + 1)
        elif isinstance(found, list):
            self._array(found, suspects, depth + 1)
        else:
            return self._number(found)
        return found

    def _object(self, members: dict[str, Any], suspects: _Suspects, depth: int, kept: frozenset[str] = IDS) -> None:
        for key, each in members.items():
            if (key in suspects or suspects.may_be_in(each, depth)) and key not in kept:
                members[key] = self._member(key, each, suspects, depth)

    def _member(self, key: str, found: Any, suspects: _Suspects, depth: int) -> Any:
        if self._is_sensitive(key):
            return _replaced(found)
        if key.lower() in self._safe:
            return found
        if self._ip_addresses and key in IP_ADDRESSES and isinstance(found, str):
            return None
        return self._value(found, suspects, depth) if suspects.may_be_in(found, MAX_SEARCHED_DEPTH + 1) else found

    def _array(self, items: list[Any], suspects: _Suspects, depth: int) -> None:
        if len(items) == 2 and isinstance(items[0], str) and self._is_sensitive(items[0]):  # a pair of a tag list
            items[1] = _replaced(items[1])
            return
        for place, each in enumerate(items):
            if suspects.may_be_in(each, depth):
                items[place] = self._value(each, suspects, depth)

    def _is_sensitive(self, key: str) -> bool:
        known = self._known.get(key)
        if known is None:
            lowered = key.lower()
            known = lowered not in self._safe and any(word in lowered for word in self._words)
            if len(self._known) < MAX_KNOWN_KEYS:
                self._known[key] = known
        return known

    def _text(self, text: str) -> str:
        if self._words and ("=" in text or '"' in text):
            lowered = text.lower()
            if any(word in lowered for word in self._words):
                text = self._assigned.sub(rf"\1{FILTERED}", text)
        if not self._has_patterns:
            return text
        text = _CARD.sub(_card, text) if len(text) >= CARD_DIGITS.start else text
        text = _SCHEME.sub(rf"\1{FILTERED}", text)
        text = _URL_PASSWORD.sub(rf"\1{FILTERED}", text) if "://" in text else text
        return _PEM.sub(FILTERED, text) if "-----BEGIN" in text else text

    def _number(self, found: Any) -> Any:
        is_card = self._has_patterns and isinstance(found, int) and not isinstance(found, bool) and _is_card(str(found))
        return FILTERED if is_card else found


def _replaced(found: Any) -> Any:
    """What says nothing is kept as it is."""
    return found if found is None or found == "" or isinstance(found, bool) else FILTERED


def _card(match: re.Match[str]) -> str:
    return FILTERED if _is_card(match[0]) else match[0]


def _is_card(written: str) -> bool:
    """Luhn's check, and a first digit that a card may have: most other long numbers fail it."""
    digits = [int(char) for char in written if char.isdigit()]
    if len(digits) not in CARD_DIGITS or digits[0] not in (2, 3, 4, 5, 6):
        return False
    return sum(_luhn(digits)) % 10 == 0


def _luhn(digits: list[int]) -> Iterator[int]:
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        yield doubled - 9 if doubled > 9 else doubled


def scrubber(settings: Scrubbing) -> Callable[[bytes], tuple[bytes, Any]]:
    """Return `scrub` under these settings."""
    return lambda payload: scrub(payload, settings)
