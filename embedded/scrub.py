"""Data scrubbing: what looks like a secret leaves a payload before anything of it is stored.

Sentry's defaults: values under sensitive keys at any depth, card numbers, private keys, passwords in URLs, bearer
tokens. A cheap scan of the bytes decides whether the payload needs the walk; most do not.
Source: docs.sentry.io, server-side data scrubbing; getsentry/relay, pii/convert.rs and regexes.rs, read 2026-11.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
MAX_DEPTH: Final = 254  # as many levels as orjson writes; what is deeper is refused, not scrubbed
MAX_KEY: Final = 64  # characters before and after the sensitive word of a key that stands in a text
MAX_KNOWN_KEYS: Final = 10_000  # that a walk keeps its verdict of
CARD_DIGITS: Final = range(13, 20)
# Not inside of a word: one in a few hundred hex ids holds the digits of a valid card.
_CARD: Final = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w.])")
_URL_PASSWORD: Final = re.compile(r"(://[^/\s\"@:]*:)[^/\s\"@]+(?=@)")
_SCHEME: Final = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)
# What the scan tells apart, in the order of its patterns.
_MARKS: Final = ("words", "cards", "schemes", "urls", "keys", "escapes")


@dataclass(frozen=True, slots=True)
class Scrubbing:
    """A project's settings, under Sentry's names."""

    is_on: bool = True  # dataScrubber
    with_defaults: bool = True  # dataScrubberDefaults
    sensitive_fields: tuple[str, ...] = ()
    safe_fields: tuple[str, ...] = ()
    ip_addresses: bool = False  # scrubIPAddresses


@dataclass(frozen=True, slots=True)
class _Found:
    """What the scan of the bytes saw; the walk looks for nothing else."""

    words: bool
    cards: bool
    schemes: bool  # bearer, basic
    urls: bool  # with a password
    keys: bool  # private ones

    def __bool__(self) -> bool:
        return self.words or self.cards or self.schemes or self.urls or self.keys


EVERYTHING: Final = _Found(words=True, cards=True, schemes=True, urls=True, keys=True)
NOTHING: Final = _Found(words=False, cards=False, schemes=False, urls=False, keys=False)


def scrub(payload: bytes, settings: Scrubbing) -> bytes:
    """Return the payload without secrets; the very bytes where there are none, and where it is no JSON."""
    found = _scan(payload, settings)
    if not found and not settings.ip_addresses:
        return payload
    try:
        return orjson.dumps(_walk(settings, found).value(orjson.loads(payload), 0))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, _TooDeepError):
        return payload  # refused as invalid_json where it is parsed; nothing of it is stored


def _scan(payload: bytes, settings: Scrubbing) -> _Found:
    if not settings.is_on:
        return NOTHING
    found = {_MARKS[place] for place in _scanner(settings).Match(payload) or ()}
    if not settings.with_defaults:
        return replace(NOTHING, words=bool(found & {"words", "escapes"}))
    if "escapes" in found:  # an escaped text may hide any of these
        return EVERYTHING
    return _Found(**{name: name in found for name in _MARKS if name != "escapes"})


@lru_cache(maxsize=64)
def _scanner(settings: Scrubbing) -> Any:
    """All that the scan looks for, as one automaton: one pass over the bytes, whatever their number.

    Each finds at least what the walk would replace.
    """
    words = "|".join(re2.escape(word.decode()) for word in _words(settings))
    patterns = {
        "words": words or r"[^\x00-\xff]",  # nothing
        "cards": r"\d(?:[ -]?\d){12}",
        "schemes": r"(?:bearer|basic)\s",
        "urls": r"://[^/\s\"@:]*:[^/\s\"@]+@",
        "keys": r"private key-----",
        "escapes": r"\\u",
    }
    options = re2.Options()
    options.case_sensitive = False
    options.encoding = re2.Options.Encoding.LATIN1  # bytes
    scanner = re2.Set.SearchSet(options)
    for name in _MARKS:
        scanner.Add(patterns[name])
    scanner.Compile()
    return scanner


@lru_cache(maxsize=64)
def _words(settings: Scrubbing) -> tuple[bytes, ...]:
    own = tuple(field.lower() for field in settings.sensitive_fields)
    return tuple(word.encode() for word in (SENSITIVE if settings.with_defaults else ()) + own)


@lru_cache(maxsize=64)
def _walk(settings: Scrubbing, found: _Found) -> "_Walk":
    return _Walk(settings, found)


class _TooDeepError(Exception):
    """The payload has more levels than can be written again."""


class _Walk:
    """The walk over a parsed payload, under some settings; keeps what it learned about keys."""

    def __init__(self, settings: Scrubbing, found: _Found) -> None:
        words = tuple(word.decode() for word in _words(settings)) if found.words else ()
        self._words = tuple(dict.fromkeys(words))
        self._safe = frozenset(field.lower() for field in settings.safe_fields)
        self._found = found
        self._ip_addresses = settings.ip_addresses
        self._known: dict[str, bool] = {}
        marks = "|".join(re.escape(word) for word in self._words)
        # `token=abc` in a query string or a source line, `"token": "abc"` in a body that was kept as text.
        # A key is looked for at the beginning of a word only and is of bounded length, so that no text takes long.
        key = rf"(?<![\w.-])[\w.-]{{0,{MAX_KEY}}}(?:{marks})[\w.-]{{0,{MAX_KEY}}}"
        assigned = r"(?:=|\s{0,3}=\s{0,3}[\"']|=[\"']|\"\s{0,3}:\s{0,3}\")"
        self._assigned = re.compile(rf"(?i)({key}{assigned})([^&\s\"';,]+)")

    def value(self, found: Any, depth: int) -> Any:
        if isinstance(found, str):
            return self._text(found)
        if depth > MAX_DEPTH:
            raise _TooDeepError  # refused later, not scrubbed
        if isinstance(found, dict):
            return {key: self._member(key, each, depth) for key, each in found.items()}
        if isinstance(found, list):
            if len(found) == 2 and isinstance(found[0], str) and self._is_sensitive(found[0]):  # a pair of a tag list
                return [found[0], _replaced(found[1])]
            return [self.value(each, depth + 1) for each in found]
        return self._number(found)

    def _member(self, key: str, found: Any, depth: int) -> Any:
        if (depth == 0 and key in STRUCTURAL) or key in IDS:
            return found
        if self._is_sensitive(key):
            return _replaced(found)
        if key.lower() in self._safe:
            return found
        if self._ip_addresses and key in ("ip_address", "REMOTE_ADDR") and isinstance(found, str):
            return None
        return self.value(found, depth + 1)

    def _is_sensitive(self, key: str) -> bool:
        known = self._known.get(key)
        if known is None:
            lowered = key.lower()
            known = lowered not in self._safe and any(word in lowered for word in self._words)
            if len(self._known) < MAX_KNOWN_KEYS:
                self._known[key] = known
        return known

    def _text(self, text: str) -> str:
        found = self._found
        if self._words and ("=" in text or '"' in text):
            lowered = text.lower()
            if any(word in lowered for word in self._words):
                text = self._assigned.sub(rf"\1{FILTERED}", text)
        text = _CARD.sub(_card, text) if found.cards and len(text) >= CARD_DIGITS.start else text
        text = _SCHEME.sub(rf"\1{FILTERED}", text) if found.schemes else text
        text = _URL_PASSWORD.sub(rf"\1{FILTERED}", text) if found.urls and "://" in text else text
        return _PEM.sub(FILTERED, text) if found.keys and "-----BEGIN" in text else text

    def _number(self, found: Any) -> Any:
        is_card = self._found.cards and isinstance(found, int) and not isinstance(found, bool) and _is_card(str(found))
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


def scrubber(settings: Scrubbing) -> Callable[[bytes], bytes]:
    """Return `scrub` under these settings."""
    return lambda payload: scrub(payload, settings)
