"""Data scrubbing: what looks like a secret leaves a payload before anything of it is stored.

Sentry's defaults: values under sensitive keys at any depth, card numbers, private keys, passwords in URLs, bearer
tokens. One scan of the bytes finds the texts that may hold any of these. Where there are none the payload is kept as it
came; else a walk over what was parsed looks at those texts, and at no others.
Source: docs.sentry.io, server-side data scrubbing; getsentry/relay, pii/convert.rs and regexes.rs, read 2026-11.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import orjson
import re2

from embedded.suspects import UNSEARCHED, Scrubbing, Suspects, scan, sensitive_words

FILTERED: Final = "[Filtered]"
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
BULKY: Final = frozenset(
    {"exception", "frames", "spans", "stacktrace", "values"}
)  # searched item by item, not as a whole
IP_ADDRESSES: Final = frozenset({"ip_address", "REMOTE_ADDR"})
MAX_KEY: Final = 64  # characters after the sensitive word of a key that stands in a text
MAX_KNOWN_KEYS: Final = 10_000  # that a walk keeps its verdict of
MAX_KNOWN_TEXTS: Final = 2_000  # whose scrubbed form a walk keeps
MAX_REMEMBERED: Final = 2_048  # characters of such a text: what SDKs show of a variable is shorter
DIGEST_BYTES: Final = 16
CARD_DIGITS: Final = range(13, 20)
# Not inside of a word: one in a few hundred hex ids holds the digits of a valid card.
_CARD: Final = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w.])")
_URL_PASSWORD: Final = re.compile(r"(://[^/\s\"@:]*:)[^/\s\"@]+(?=@)")
_SCHEME: Final = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)


def scrub(payload: bytes, settings: Scrubbing) -> tuple[bytes, Any]:
    """Return the payload without secrets, the very bytes where there are none, and what it says.

    Raises orjson.JSONDecodeError when it is no JSON, orjson.JSONEncodeError when it is nested too deeply to be written
    again: nobody could read it later.
    """
    parsed = orjson.loads(payload)
    suspects = scan(payload, settings)
    if suspects is None:
        orjson.dumps(parsed)  # a fifth of the time that parsing takes
        return payload, parsed
    try:
        scrubbed = _walk(settings).whole(parsed, suspects)
    except RecursionError:
        raise orjson.JSONEncodeError("nested too deeply") from None
    return orjson.dumps(scrubbed), scrubbed


@lru_cache(maxsize=64)
def _walk(settings: Scrubbing) -> "_Walk":
    return _Walk(settings)


def _assigned(words: tuple[str, ...]) -> Any:
    """`token=abc` in a query string or a source line, `"token": "abc"` in a body that was kept as text.

    What follows the word in its key is of bounded length.
    """
    key = rf"(?:{'|'.join(map(re2.escape, words))})[\w.\x{{80}}-\x{{10FFFF}}-]{{0,{MAX_KEY}}}"
    assigned = r"(?:=|\s{0,3}=\s{0,3}[\"']|=[\"']|\"\s{0,3}:\s{0,3}\")"
    options = re2.Options()
    options.case_sensitive = False
    return re2.compile(rf"({key}{assigned})([^&\s\"';,]+)", options)


class _Walk:
    """The walk over a parsed payload, under some settings; keeps what it learned about keys."""

    def __init__(self, settings: Scrubbing) -> None:
        self._words = sensitive_words(settings)
        self._safe = frozenset(field.lower() for field in settings.safe_fields)
        self._has_patterns = settings.is_on and settings.with_defaults
        self._ip_addresses = settings.ip_addresses
        self._known: dict[str, bool] = {}
        self._scrubbed: dict[bytes, str] = {}  # by the digest of what was scrubbed: no secret stays in memory
        self._assigned = _assigned(self._words) if self._words else None

    def whole(self, parsed: Any, suspects: Suspects) -> Any:
        """Return the payload without secrets; objects and arrays are changed where they are."""
        if isinstance(parsed, dict):
            self._object(parsed, suspects, 0, STRUCTURAL | IDS)
            return parsed
        return self._value(parsed, suspects, 0)

    def _value(self, found: Any, suspects: Suspects, depth: int) -> Any:
        if isinstance(found, str):
            return suspects.scrubbed(found, self._remembered)
        if isinstance(found, dict):
            self._object(found, suspects, depth + 1)
        elif isinstance(found, list):
            self._array(found, suspects, depth + 1)
        else:
            return self._number(found)
        return found

    def _object(self, members: dict[str, Any], suspects: Suspects, depth: int, kept: frozenset[str] = IDS) -> None:
        searched = depth if len(members) > 1 else UNSEARCHED  # what is in the only member was found in it already
        for key, each in members.items():
            level = UNSEARCHED if key in BULKY else searched
            if (key in suspects or suspects.may_be_in(each, level)) and key not in kept:
                members[key] = self._member(key, each, suspects, depth)

    def _member(self, key: str, found: Any, suspects: Suspects, depth: int) -> Any:
        if self._is_sensitive(key):
            return _replaced(found)
        if key.lower() in self._safe:
            return found
        if self._ip_addresses and key in IP_ADDRESSES and isinstance(found, str):
            return None
        return self._value(found, suspects, depth) if suspects.may_be_in(found, UNSEARCHED) else found

    def _array(self, items: list[Any], suspects: Suspects, depth: int) -> None:
        if len(items) == 2 and isinstance(items[0], str) and self._is_sensitive(items[0]):  # a pair of a tag list
            items[1] = _replaced(items[1])
            return
        searched = depth if len(items) > 1 else UNSEARCHED
        for place, each in enumerate(items):
            if suspects.may_be_in(each, searched):
                items[place] = self._value(each, suspects, depth)

    def _is_sensitive(self, key: str) -> bool:
        known = self._known.get(key)
        if known is None:
            lowered = key.lower()
            known = lowered not in self._safe and any(word in lowered for word in self._words)
            if len(self._known) < MAX_KNOWN_KEYS:
                self._known[key] = known
        return known

    def _remembered(self, text: str) -> str:
        """As `_text`: source lines, and what a frame shows of an app's own objects, come again with each event."""
        if len(text) > MAX_REMEMBERED:
            return self._text(text)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
        scrubbed = self._scrubbed.get(digest)
        if scrubbed is None:
            scrubbed = self._text(text)
            if len(self._scrubbed) >= MAX_KNOWN_TEXTS:
                self._scrubbed.clear()
            self._scrubbed[digest] = scrubbed
        return scrubbed

    def _text(self, text: str) -> str:
        lowered = text.lower()
        if self._assigned and ("=" in text or '"' in text) and any(word in lowered for word in self._words):
            text = self._assigned.sub(rf"\1{FILTERED}", text)
        if not self._has_patterns:
            return text
        text = _CARD.sub(_card, text) if len(text) >= CARD_DIGITS.start else text
        text = _SCHEME.sub(rf"\1{FILTERED}", text) if "bearer" in lowered or "basic" in lowered else text
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
