"""Trees of JSON in, the same trees without secrets out, at any depth and of any shape. Never raises.

The SDK's own EventScrubber matches whole names, leaves text alone, and looks at some parts of an event only.
"""

import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from service.scrubbing.plain import read_plainly
from service.scrubbing.text import CACHED_LENGTH, FILTERED, SENSITIVE_NAME, scrub_short, scrub_sql, scrub_text

DEPTH_LIMIT: Final = 32  # the SDK's serialiser stops at 5 in the parts that hold data
VALUES_LIMIT: Final = 100_000  # a transaction of the SDK's 1,000 spans has a fifth; ends trees that hold themselves
KEY_LIMIT: Final = 256  # characters; Sentry's own names have 200 at the most
KEYS_KEPT: Final = 2048  # of which the verdict is remembered
SHORTEST_CARD: Final = 10**12  # of 13 digits

# Ends of names, and whole names, whose values are persons or keys: `user.email`, but not `server.address`.
_PERSONAL_END: Final = "|".join(
    (
        *("e?mail", "email_address", "ssn", "user_?name", "user_id", "phone", "phone_number", "session", "connect_sid"),
        *("remote_addr", "client_ip", "client_address", "ip_address", "forwarded_for", "real_ip", "pass"),
    )
)
_PERSONAL: Final = r"auth|sid|phpsessid|symfony|pin|otp|pass_?code|creds|address|ip|dsn"
_SECRET: Final = re.compile(rf"{SENSITIVE_NAME}|(?:^|_)(?:{_PERSONAL_END})$|^(?:{_PERSONAL})$", re.I)
_SEPARATOR: Final = re.compile(r"[\s.-]")
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # in `userEmail`
# What has no use here: the locals of frames, and parts of requests and URLs that callers fill.
_DROPPED: Final = frozenset({"vars", "cookies", "env", "query_string", "sys.argv", "http.query", "http.fragment"})
_SQL_KEYS: Final = frozenset({"db.statement", "db.query.text", "sql"})

# Ids and times are no secrets, one of sixteen digits may look like a card, and each is new: no cache knows it.
_ID_KEYS: Final = frozenset(
    {"event_id", "trace_id", "span_id", "parent_span_id", "profiler_id", "replay_id", "timestamp", "start_timestamp"}
)
_ID: Final = re.compile(r"[0-9a-fTZ:.+-]{1,40}")

Verdict = Literal["keep", "filter", "drop", "sql", "id"]


def judge_key(key: str) -> Verdict:
    """Tell what is to become of a value by its name. `accessToken`, `X-Auth-Token` and `db.password` are secrets.

    So is what a person reads as one of them, and what nobody reads to its end.
    """
    if len(key) > KEY_LIMIT:
        return "filter"
    key = read_plainly(key)
    if key in _DROPPED:
        return "drop"
    if key in _SQL_KEYS:
        return "sql"
    if key in _ID_KEYS:
        return "id"
    name = _SEPARATOR.sub("_", key)
    words = _WORD_START.sub("_", name)
    return "filter" if _SECRET.search(name) or (words != name and _SECRET.search(words)) else "keep"


class Scrubber:
    """One pass over one tree.

    Tells values apart by the methods of the base types: those of a subclass may do anything, and the SDK's own enums
    are such. What an event is full of comes first.
    """

    def __init__(self) -> None:
        self._left = VALUES_LIMIT

    def scrub(self, value: object, depth: int = 0) -> object:
        """Return a copy that holds JSON only; what is too deep, too much or no JSON is filtered."""
        self._left -= 1
        if self._left < 0 or depth > DEPTH_LIMIT:
            return FILTERED
        kind = type(value)
        if issubclass(kind, str):
            return scrub_text(str.__str__(value))
        if issubclass(kind, dict):
            return self._scrub_dict(value, depth)  # type: ignore[arg-type]
        if kind is list or kind is tuple:
            return [self.scrub(each, depth + 1) for each in value]  # type: ignore[attr-defined]
        return scrub_scalar(value, kind)

    def _scrub_dict(self, tree: dict[object, object], depth: int) -> dict[str, object]:
        scrubbed: dict[str, object] = {}
        for key, value in dict.items(tree):
            name, verdict = _read_key(key)
            if verdict == "keep":
                # What most values are is told here: calls for each of them were an eighth of the walk.
                is_short = type(value) is str and len(value) <= CACHED_LENGTH
                scrubbed[name] = scrub_short(value) if is_short else self.scrub(value, depth + 1)
            elif verdict != "drop":
                scrubbed[name] = self._scrub_value(verdict, value, depth)
        return scrubbed

    def _scrub_value(self, verdict: Verdict, value: object, depth: int) -> object:
        if verdict == "id":
            return value if is_id(value) else self.scrub(value, depth + 1)
        if verdict == "sql" and type(value) is str:
            return scrub_sql(value)
        if verdict == "filter" and value is not None:
            return FILTERED
        return self.scrub(value, depth + 1)


def is_id(value: object) -> bool:
    """Tell if it is an id or an instant, which hold no words."""
    return type(value) is str and _ID.fullmatch(value) is not None


def scrub_scalar(value: object, kind: type) -> object:
    """Return what JSON has for a value that is neither text nor holds others."""
    if value is None or kind is bool:
        return value
    if kind is datetime:
        return _write_time(value)  # type: ignore[arg-type]
    if issubclass(kind, float):
        return value if math.isfinite(value) else float.__repr__(value)  # type: ignore[arg-type]
    if issubclass(kind, int):
        return FILTERED if _is_card(int.__index__(value)) else value  # type: ignore[arg-type]
    return FILTERED


def _read_key(key: object) -> tuple[str, Verdict]:
    """Return a key's name without secrets, and what is to become of its value."""
    if type(key) is str and len(key) <= CACHED_LENGTH:
        return _read_short_key(key)
    name = scrub_text(str.__str__(key)) if issubclass(type(key), str) else FILTERED
    return name, judge_key(name)


@lru_cache(maxsize=KEYS_KEPT)
def _read_short_key(key: str) -> tuple[str, Verdict]:
    name = scrub_text(key)
    return name, judge_key(name)


def _write_time(instant: datetime) -> str:
    """Write an instant as the SDK does."""
    instant = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return instant.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _is_card(number: int) -> bool:
    """Tell if a number may be a card's; one of far more digits is slow to write, and no number either."""
    if -SHORTEST_CARD < number < SHORTEST_CARD:
        return False
    return number.bit_length() >= 128 or scrub_text(str(number)) == FILTERED


def scrub_tree(value: object) -> object:
    """Scrub one tree."""
    return Scrubber().scrub(value)
