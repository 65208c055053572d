"""What stands in one field of a rule -> its value. Each reader raises ValueError saying what was found and allowed."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum
from typing import Final, TypeVar
from urllib.parse import urlsplit

from monitors import inexpressible
from monitors.model import Comparison, Dataset, Priority, Threshold, Trigger

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

DATASETS: Final = {"spans": Dataset.SPANS, "errors": Dataset.ERRORS}
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
MINUTE: Final = timedelta(minutes=1)
# Sentry's windows. Source: https://docs.sentry.io/product/alerts/ (metric alerts), read 2026-11.
WINDOWS: Final = tuple(MINUTE * minutes for minutes in (1, 5, 10, 15, 30, 60, 120, 240, 1440))
# How often Sentry lets an alert repeat itself for one issue; 0m is every time. Source: as above.
FREQUENCIES: Final = tuple(MINUTE * minutes for minutes in (0, 5, 10, 30, 60, 180, 720, 1440, 10080, 43200))
# What a percent change may compare with. Source: Sentry's public API schema v0.272.0, comparisonDelta.
DELTAS: Final = tuple(MINUTE * minutes for minutes in (5, 15, 60, 1440, 10080, 43200))
COMPARISONS: Final[dict[str, Comparison]] = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
THRESHOLD: Final = r"^\s*(>=|<=|>|<)\s*(-?\d{1,15}(?:\.\d{1,15})?)\s*$"
MAX_RECEIVER: Final = 200  # characters
PRIORITIES: Final = ("default", "critical", "error", "warning", "info")  # PagerDuty's severities
SYMBOLS: Final = {name: symbol for symbol, name in COMPARISONS.items()}


def read_window(text: str) -> timedelta:
    return _read_span(text, WINDOWS)


def read_delta(text: str) -> timedelta:
    return _read_span(text, DELTAS)


def read_frequency(text: str) -> timedelta:
    return _read_span(text, FREQUENCIES)


def show_span(span: timedelta) -> str:
    """Write a span as the rules do, in the largest unit that divides it: 1h, 90m."""
    for unit, name in reversed(UNITS.items()):
        if span and not span % timedelta(**{name: 1}):
            return f"{span // timedelta(**{name: 1})}{unit}"
    return "0m"


def read_threshold(text: str, priority: Priority) -> Threshold:
    """Read `> 0.05`."""
    match = re.fullmatch(THRESHOLD, text.strip())
    if match is None:
        hint = " (5 % is written 0.05)" if "%" in text else ""
        raise ValueError(f'{text!r}, allowed is >, >=, < or <= and a number, such as "> 0.05"{hint}')
    return Threshold(COMPARISONS[match[1]], float(match[2]), priority)


def read_enum(text: str, allowed: Iterable[E]) -> E:
    """Read one of the values of an enum."""
    return _choose(text, {str(member.value): member for member in allowed})


def read_trigger(text: str) -> Trigger:
    if text in inexpressible.TRIGGER:
        raise ValueError(f"{text!r}: {inexpressible.TRIGGER[text]}")
    return read_enum(text, Trigger)


def read_choice(text: str, allowed: Mapping[str, T]) -> T:
    """Read one of our own words."""
    return _choose(text, allowed)


def read_dataset(text: str) -> Dataset:
    if text in inexpressible.DATASET:
        raise ValueError(f"{text!r}: {inexpressible.DATASET[text]}")
    return _choose(text, DATASETS)


def read_owner(text: str) -> str:
    if not re.fullmatch(r"(team|user):[1-9]\d{0,17}", text):
        raise ValueError(f"{text!r}, allowed is team: or user: and its number, such as team:12")
    return text


def read_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r}, allowed is an http or https address")
    return text


def read_receiver(kind: str, text: str) -> str:
    """Read whom to notify. Raises ValueError for what looks like a secret address: those are the Sentry's to keep."""
    if "://" in text:
        raise ValueError("an address does not belong into a rule; name the channel, its address is in Sentry")
    if kind == "email" and not re.fullmatch(r"issue_owners|team:[\w-]+|user:[^@\s]+@[^@\s]+", text):
        raise ValueError(f"{text!r}, allowed is issue_owners, team:<slug> or user:<e-mail address>")
    return text


def read_priority(text: str) -> str:
    """Read PagerDuty's severity."""
    return _choose(text, {each: each for each in PRIORITIES})


def _read_span(text: str, allowed: tuple[timedelta, ...]) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    span = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else None
    if span not in allowed:
        raise ValueError(f"{text!r}, allowed are {', '.join(map(show_span, allowed))}")
    return span


def _choose(text: str, allowed: Mapping[str, T]) -> T:
    if text not in allowed:
        near = get_close_matches(text, allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{text!r}, allowed are {', '.join(allowed)}{hint}")
    return allowed[text]
