"""Monitors and alerts as this project means them: what the rules files say, checked, free of YAML and of HTTP.

A monitor measures and opens an issue; an alert acts on the issues of the monitors it is connected to.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, IntEnum
from typing import Final, Literal

from monitors.errors import AggregateError

__all__ = [
    "PERCENTILES",
    "Action",
    "Aggregate",
    "AggregateError",
    "Alert",
    "Comparison",
    "Dataset",
    "Monitor",
    "Priority",
    "RuleSet",
    "Source",
    "Threshold",
    "Trigger",
    "parse_aggregate",
]

# Function -> the share of the samples that lies at or below it.
PERCENTILES: Final = {"p50": 0.50, "p75": 0.75, "p90": 0.90, "p95": 0.95, "p99": 0.99}
WITHOUT_ARGUMENT: Final = ("count", "failure_rate")
ARGUMENTS: Final = ("span.duration",)  # milliseconds

Comparison = Literal["gt", "gte", "lt", "lte"]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is computed over a window."""

    function: str  # count (a number), failure_rate (a fraction, 0 to 1), p50 to p99 (in the argument's unit)
    argument: str | None  # span.duration for percentiles, else None

    @property
    def share(self) -> float | None:
        """The percentile as a fraction, 0.95 for p95; None for other functions."""
        return PERCENTILES.get(self.function)

    def __str__(self) -> str:
        return f"{self.function}({self.argument or ''})"


def parse_aggregate(text: str) -> Aggregate:
    """Return the aggregate that `text` names. Raises AggregateError with the allowed ones for any other text."""
    match = re.fullmatch(r"([a-z_0-9]+)\(([a-z._]*)\)", text.strip())
    function, argument = (match[1], match[2]) if match else ("", "")
    is_plain = function in WITHOUT_ARGUMENT and not argument
    if not is_plain and not (function in PERCENTILES and argument in ARGUMENTS):
        allowed = [f"{name}()" for name in WITHOUT_ARGUMENT]
        allowed += [f"{name}({argument})" for argument in ARGUMENTS for name in PERCENTILES]
        raise AggregateError(f"{text!r} is no aggregate, allowed are {', '.join(allowed)}")
    return Aggregate(function, argument or None)


class Dataset(Enum):
    """What is measured, by Sentry's name of the storage."""

    SPANS = "events_analytics_platform"
    ERRORS = "events"


class Priority(IntEnum):
    """What crossing a threshold does, by Sentry's number: the issue's priority, or that it is over."""

    HIGH = 75
    MEDIUM = 50
    RESOLVED = 0


class Trigger(Enum):
    """When an alert acts on an issue."""

    FIRST_SEEN = "first_seen_event"
    REGRESSION = "regression_event"  # it was resolved and is back
    REAPPEARED = "reappeared_event"  # it was archived and is back
    RESOLVED = "issue_resolved_trigger"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule is written."""

    file: str
    line: int  # from 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A comparison of the aggregate with a value, in the aggregate's unit."""

    comparison: Comparison
    value: float
    priority: Priority


@dataclass(frozen=True, slots=True)
class Monitor:
    """A measurement over a sliding window that opens an issue."""

    name: str  # unique in its project; this is how a monitor is found again
    description: str | None
    aggregate: Aggregate
    dataset: Dataset
    query: str  # in the syntax of monitors.query
    window: timedelta
    environment: str | None  # None means all
    thresholds: tuple[Threshold, ...]  # high, medium if there is one, resolved
    enabled: bool
    source: Source

    @property
    def resolve(self) -> Threshold:
        """The threshold at which the issue is over."""
        return next(each for each in self.thresholds if each.priority is Priority.RESOLVED)


@dataclass(frozen=True, slots=True)
class Action:
    """Whom an alert notifies: an internal integration, which posts a signed webhook."""

    kind: Literal["sentry_app"]
    app: str  # name or slug


@dataclass(frozen=True, slots=True)
class Alert:
    """What is done about the issues of some monitors."""

    name: str  # unique in the rules; this is how an alert is found again
    monitors: tuple[str, ...]  # names
    builtin: Literal["error"] | None  # the project's default monitor: every issue made of error events
    triggers: tuple[Trigger, ...]  # any of them
    frequency: timedelta  # at most one notice per issue and action in this time
    environment: str | None  # None means all
    actions: tuple[Action, ...]
    runbook: str | None  # URL; for reports and pages, Sentry has no field for it
    enabled: bool
    source: Source


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All that the rules files ask for."""

    monitors: tuple[Monitor, ...]
    alerts: tuple[Alert, ...]
