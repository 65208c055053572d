"""The filters of an alert: what a rule writes -> Sentry's condition, and Sentry's condition -> a checked record.

One table for both ways, so what a rule may say, what its body carries and what the embedded engine takes agree.
Source: Sentry's public API schema v0.272.0 (workflows, actionFilters), read 2026-11.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

LEVELS: Final = {"fatal": 50, "error": 40, "warning": 30, "info": 20, "debug": 10, "sample": 0}
LEVEL_MATCHES: Final = {"=": "eq", ">=": "gte", "<=": "lte"}
MATCHES: Final = {
    "equals": "eq",
    "does_not_equal": "ne",
    "contains": "co",
    "does_not_contain": "nc",
    "starts_with": "sw",
    "ends_with": "ew",
    "is_set": "is",
    "is_not_set": "ns",
}
WITHOUT_VALUE: Final = ("is", "ns")
# Those that an error event of this service can have; Sentry knows more, of browsers, phones and people.
ATTRIBUTES: Final = (
    "message",
    "platform",
    "environment",
    "type",
    "error.handled",
    "exception.type",
    "exception.value",
    "http.method",
    "http.url",
    "sdk.name",
)
PRIORITIES: Final = {"high": 75, "medium": 50, "low": 25}
CATEGORIES: Final = {"error": 1, "metric": 11}
AGE_UNITS: Final = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
INTERVALS: Final = {
    "1min": timedelta(minutes=1),
    "5min": timedelta(minutes=5),
    "15min": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "1w": timedelta(weeks=1),
    "30d": timedelta(days=30),
}
# Asks about one event, so it says nothing where only the newest event of an issue is looked at.
OF_ONE_EVENT: Final = frozenset({"level", "tagged_event", "event_attribute", "latest_release"})


# Asks about events, which the issue of a metric monitor has none of.
OF_EVENTS: Final = (OF_ONE_EVENT - {"level"}) | {"event_frequency_count", "event_unique_user_frequency_count"}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition between an issue and an action."""

    type: str  # Sentry's name
    comparison: tuple[tuple[str, str | int], ...] | int  # (key, value) pairs by key, or one number or truth

    @property
    def body(self) -> Any:
        """The comparison as Sentry's API carries it."""
        return dict(self.comparison) if isinstance(self.comparison, tuple) else self.comparison

    def __getitem__(self, key: str) -> Any:
        return self.body[key]


def make_filter(kind: str, comparison: Any) -> Filter:
    """Return the filter of Sentry's condition. Raises ValueError for a type or a comparison that is not known here."""
    if kind in SCALARS:
        allowed = SCALARS[kind]
        if type(comparison) is not type(allowed[0]) or comparison not in allowed:
            raise ValueError(f"{kind}: comparison {comparison!r}, allowed are {list(allowed)}")
        return Filter(kind, comparison)
    if kind not in FIELDS:
        raise ValueError(f"filter {kind!r} is not supported here, allowed are {', '.join([*FIELDS, *SCALARS])}")
    if not isinstance(comparison, Mapping):
        raise ValueError(f"{kind}: comparison {comparison!r}, allowed is an object of {', '.join(FIELDS[kind])}")
    given = {key: value for key, value in comparison.items() if value is not None}
    if kind == "tagged_event" or kind == "event_attribute":
        given = {"value": ""} | given if given.get("match") in WITHOUT_VALUE else given
    if set(given) != set(FIELDS[kind]):
        raise ValueError(f"{kind}: found {sorted(given)}, needed are {sorted(FIELDS[kind])}")
    for key, value in given.items():
        _check(kind, key, value)
    return Filter(kind, tuple(sorted(given.items())))


def read_filter(kind: str, text: str) -> Filter:
    """Return the filter that a rule means, `level` and `>= error`. Raises ValueError with what is allowed."""
    form, example, sentry = RULES[kind]
    match = re.fullmatch(form, text.strip())
    if match is None:
        raise ValueError(f"{text!r}, allowed is such as {example!r}")
    found = match.groups()
    return make_filter(sentry, BUILD[kind](*found))


def _check(kind: str, key: str, value: Any) -> None:
    allowed = FIELDS[kind][key]
    if isinstance(allowed, tuple):
        if value not in allowed:
            raise ValueError(f"{kind}: {key} {value!r}, allowed are {', '.join(map(str, allowed))}")
    elif type(value) is not allowed or (allowed is int and value < 0) or (key == "key" and not value):
        raise ValueError(f"{kind}: {key} {value!r}, allowed is {'a number from 0' if allowed is int else 'text'}")


def _choose(text: str, allowed: Mapping[str, Any]) -> Any:
    if text not in allowed:
        raise ValueError(f"{text!r}, allowed are {', '.join(allowed)}")
    return allowed[text]


def _matched(name: str) -> Any:
    def build(key: str, match: str, value: str | None) -> dict[str, Any]:
        code = _choose(match, MATCHES)
        if (value is None) is not (code in WITHOUT_VALUE):
            raise ValueError(f"{match!r} goes {'with' if value is None else 'without'} a value")
        return {name: key, "match": code, "value": value or ""}

    return build


def _frequency(value: str, interval: str) -> dict[str, Any]:
    return {"value": int(value), "interval": _choose(interval, INTERVALS) and interval}


# Sentry's type -> the fields of its comparison: the values allowed, or their type.
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "level": {"level": tuple(LEVELS.values()), "match": tuple(LEVEL_MATCHES.values())},
    "tagged_event": {"key": str, "match": tuple(MATCHES.values()), "value": str},
    "event_attribute": {"attribute": ATTRIBUTES, "match": tuple(MATCHES.values()), "value": str},
    "issue_occurrences": {"value": int},
    "issue_category": {"value": tuple(CATEGORIES.values())},
    "age_comparison": {"time": tuple(AGE_UNITS.values()), "value": int, "comparisonType": ("older", "newer")},
    "event_frequency_count": {"value": int, "interval": tuple(INTERVALS)},
    "event_unique_user_frequency_count": {"value": int, "interval": tuple(INTERVALS)},
}
SCALARS: Final[dict[str, tuple[Any, ...]]] = {
    "issue_priority_greater_or_equal": tuple(PRIORITIES.values()),
    "latest_release": (True,),
}
# A rule's word -> what its text looks like, an example, Sentry's type.
RULES: Final[dict[str, tuple[str, str, str]]] = {
    "level": (r"(>=|<=|=)\s*([a-z]+)", ">= error", "level"),
    "tag": (r"(\S+)\s+([a-z_]+)(?:\s+(.+))?", "error_code equals ISL_X", "tagged_event"),
    "attribute": (r"(\S+)\s+([a-z_]+)(?:\s+(.+))?", "exception.type starts_with Value", "event_attribute"),
    "occurrences": (r">=\s*(\d{1,9})", ">= 10", "issue_occurrences"),
    "events": (r">\s*(\d{1,9})\s+in\s+(\w+)", "> 100 in 1h", "event_frequency_count"),
    "users": (r">\s*(\d{1,9})\s+in\s+(\w+)", "> 10 in 1h", "event_unique_user_frequency_count"),
    "age": (r"(older|newer)\s+(\d{1,6})([mhdw])", "older 10m", "age_comparison"),
    "category": (r"(\w+)", "error", "issue_category"),
    "priority": (r">=\s*(\w+)", ">= medium", "issue_priority_greater_or_equal"),
    "latest_release": (r"true", "true", "latest_release"),
}
BUILD: Final[dict[str, Any]] = {
    "level": lambda match, level: {"level": _choose(level, LEVELS), "match": LEVEL_MATCHES[match]},
    "tag": _matched("key"),
    "attribute": _matched("attribute"),
    "occurrences": lambda value: {"value": int(value)},
    "events": _frequency,
    "users": _frequency,
    "age": lambda kind, value, unit: {"comparisonType": kind, "value": int(value), "time": AGE_UNITS[unit]},
    "category": lambda name: {"value": _choose(name, CATEGORIES)},
    "priority": lambda name: _choose(name, PRIORITIES),
    "latest_release": lambda: True,
}
