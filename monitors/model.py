"""Monitors and alerts as this project means them: what the rules files say, checked, free of YAML and of HTTP.

A monitor measures and opens an issue; an alert acts on the issues of the monitors it is connected to.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, IntEnum
from typing import Final, Literal

from monitors.errors import AggregateError
from monitors.filters import Filter
from monitors.signals import ENVIRONMENTS

__all__ = [
    "COUNTING",
    "DURATIONS",
    "OF_DURATION",
    "PERCENTILES",
    "WITHOUT_ARGUMENT",
    "Action",
    "ActionKind",
    "Aggregate",
    "AggregateError",
    "Alert",
    "Comparison",
    "Dataset",
    "Extrapolation",
    "Filter",
    "Logic",
    "Monitor",
    "Priority",
    "RuleSet",
    "Source",
    "Threshold",
    "Trigger",
    "parse_aggregate",
]

# Function -> the share of the samples that lies at or below it.
PERCENTILES: Final = {"p50": 0.50, "p75": 0.75, "p90": 0.90, "p95": 0.95, "p99": 0.99, "p100": 1.0}
COUNTING: Final = ("count", "epm", "eps")  # of anything; epm and eps are per minute and per second
WITHOUT_ARGUMENT: Final = (*COUNTING, "failure_rate", "failure_count")
OF_DURATION: Final = ("sum", "avg", "min", "max", *PERCENTILES)
DURATIONS: Final = ("span.duration", "transaction.duration")  # milliseconds

Comparison = Literal["gt", "gte", "lt", "lte"]
# How sampled requests count. Sentry takes more modes, but not for new monitors.
Extrapolation = Literal["unknown", "none", "client_and_server_weighted"]
Logic = Literal["all", "any", "none"]
ActionKind = Literal["sentry_app", "webhook", "email", "slack", "pagerduty", "discord", "msteams"]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is computed over a window."""

    # count, count_unique, failure_count (numbers), epm, eps (per minute, per second), failure_rate, apdex (fractions, 0
    # to 1), sum, avg, min, max, p50 to p100 (in the argument's unit)
    function: str
    argument: str | None  # a duration, or for count_unique any field or tag; else None
    satisfied_ms: float | None = None  # of apdex: a user is content up to here, and bears four times as much

    @property
    def share(self) -> float | None:
        """The percentile as a fraction, 0.95 for p95; None for other functions."""
        return PERCENTILES.get(self.function)

    @property
    def is_fraction(self) -> bool:
        """Whether its values lie between 0 and 1."""
        return self.function in ("failure_rate", "apdex")

    @property
    def needs_requests(self) -> bool:
        """Whether it asks for what error events do not have: a duration, or a status."""
        return self.function not in (*COUNTING, "count_unique")

    def __str__(self) -> str:
        inside = [self.argument] if self.argument else []
        inside += [f"{self.satisfied_ms:g}"] if self.satisfied_ms is not None else []
        return f"{self.function}({','.join(inside)})"


def parse_aggregate(text: str) -> Aggregate:
    """Return the aggregate that `text` names. Raises AggregateError with the allowed ones for any other text."""
    match = re.fullmatch(r"([a-z_0-9]+)\(([^(),\s]*)(?:,\s*(\d{1,9}(?:\.\d{1,3})?))?\)", text.strip())
    function, argument, limit = (match[1], match[2], match[3]) if match else ("", "", None)
    is_duration = argument in DURATIONS
    if function == "apdex" and is_duration and limit and float(limit) > 0:
        return Aggregate(function, argument, float(limit))
    is_known = (
        (function in WITHOUT_ARGUMENT and not argument)
        or (function in OF_DURATION and is_duration)
        or (function == "count_unique" and bool(re.fullmatch(r"[A-Za-z0-9_.:\-]+|tags\[[A-Za-z0-9_.:\-]+\]", argument)))
    )
    if not is_known or limit is not None:
        raise AggregateError(f"{text!r} is no aggregate, allowed are {', '.join(_allowed_aggregates())}")
    return Aggregate(function, argument or None)


def _allowed_aggregates() -> list[str]:
    plain = [f"{name}()" for name in WITHOUT_ARGUMENT]
    plain += [f"{name}({DURATIONS[0]})" for name in OF_DURATION]
    return [*plain, f"apdex({DURATIONS[0]},300)", "count_unique(field)"]


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
    NEW_HIGH_PRIORITY = "new_high_priority_issue"  # first seen, and of high priority
    EXISTING_HIGH_PRIORITY = "existing_high_priority_issue"  # escalated or back from the archive, and of high priority
    ANY_EVENT = "any_event"  # every event of an issue; Sentry writes it as no trigger at all


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
    compared_to: timedelta | None = None  # thresholds are percent of the value so much earlier; None: plain values
    extrapolation: Extrapolation = "unknown"
    owner: str | None = None  # team:ID or user:ID; None leaves it to a person

    @property
    def resolve(self) -> Threshold:
        """The threshold at which the issue is over."""
        return next(each for each in self.thresholds if each.priority is Priority.RESOLVED)


@dataclass(frozen=True, slots=True)
class Action:
    """Whom an alert notifies."""

    kind: ActionKind
    # sentry_app: name or slug of an internal integration, which posts a signed webhook; webhook: `webhooks`, or a slug;
    # slack, msteams: name of a channel; discord: id of one; pagerduty: name of a service; email: team:<slug>,
    # user:<e-mail address> or issue_owners
    target: str
    integration: str | None = None  # its name, needed where there are several of the kind
    data: tuple[tuple[str, str], ...] = ()  # tags to show (slack, discord), priority (pagerduty)


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
    runbook: str | None  # URL; Sentry has no field for it, so it goes into descriptions and Slack's notes
    enabled: bool
    source: Source
    filters: tuple[Filter, ...] = ()
    logic: Logic = "all"  # how many of the filters must hold
    owner: str | None = None  # team:ID or user:ID; None leaves it to a person


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All that the rules files ask for."""

    monitors: tuple[Monitor, ...]
    alerts: tuple[Alert, ...]
    environments: tuple[str, ...] = ENVIRONMENTS  # that the service runs in
