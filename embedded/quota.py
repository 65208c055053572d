"""Limits of a project: a client key's own, quotas by category with a spend cap, and spike protection.

All three say the same: this entry is one too many, for that reason, until then. What is dropped is booked as
rate_limited and costs nothing; the client is told which categories to hold back and for how long.
Source: docs.sentry.io, quotas, spike protection and rate limits; getsentry/relay, relay-quotas, read 2026-11.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from embedded.records import Batch, Entry, Outcome
from embedded.store.options import ProjectOptions, RateLimit
from embedded.store.projects import ProjectKey
from embedded.store.times import to_ms

ERRORS: Final = ("default", "error", "security")  # what a client key's limit counts
CYCLE: Final = timedelta(days=30)  # of billing: a quota starts anew with each
HOUR: Final = timedelta(hours=1)
WEEK: Final = timedelta(hours=168)
# A client holds a category back for at most so long: its own backpressure lowers the sample rate while any limit is on.
MAX_HOLD_S: Final = 60
# Spike protection, per hour. The weight of past use lies between 3 and 6; the lower protects sooner.
SPIKE_FACTOR: Final = 3
SPIKE_PROJECTS: Final = 5  # the quota's share of a project never counts more of them
HOURS_PER_CYCLE: Final = 720
DEVELOPER_SHARE: Final = 0.1
# The least threshold: a tenth of what the free plan includes a month.
DEVELOPER_INCLUDED: Final = {"error": 5_000, "transaction": 10_000, "span": 5_000_000, "attachment": 1_000_000_000}


class Reason(StrEnum):
    """Why an entry was dropped, as the books and the header say it."""

    KEY = "key_quota"
    QUOTA = "quota_exceeded"
    SPIKE = "spike_protection"


class Scope(StrEnum):
    """What a limit holds for."""

    ORGANIZATION = "organization"
    PROJECT = "project"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Limit:
    """One active limit, as the client is told."""

    categories: tuple[str, ...]
    scope: Scope
    reason: Reason
    retry_after_s: int

    def __str__(self) -> str:
        """As X-Sentry-Rate-Limits writes it: whole seconds, always with categories."""
        return f"{self.retry_after_s}:{';'.join(self.categories)}:{self.scope}:{self.reason}"


Usage = Callable[[int | None, str, datetime, datetime], int]
"""(project or None for all, category, since, until) -> quantity accepted, as the books have it."""


@dataclass(slots=True)
class _Counter:
    """What was accepted in one window.

    Begun from the books, so that a restart forgets nothing; a client key's begins at zero, the books know no keys.
    """

    start_ms: int
    used: int


@dataclass(slots=True)
class Quotas:
    """Counts what is let through. One per engine, used by one thread."""

    usage: Usage
    quotas: Mapping[str, int] = field(default_factory=dict)  # category -> reserved volume and pay-as-you-go, a cycle
    speed: float = 1.0  # windows shrink by it
    projects: Callable[[], int] = lambda: 1  # that share the quota
    _counters: dict[tuple[object, ...], _Counter] = field(default_factory=dict)
    _thresholds: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)  # -> (hour, threshold)

    def admit(
        self, batch: Batch, key: ProjectKey, limit: RateLimit | None, options: ProjectOptions, now: datetime
    ) -> tuple[Batch, tuple[Limit, ...]]:
        """Return the batch with what is one too many turned into `rate_limited`, and the limits that did it."""
        limits: dict[Reason, Limit] = {}
        entries: list[Entry] = []
        for entry in batch.entries:
            hit = self._hit(entry, key, limit, options, now) if entry.outcome is Outcome.ACCEPTED else None
            entries.append(entry.dropped(Outcome.RATE_LIMITED, hit.reason) if hit else entry)
            if hit:
                known = limits.get(hit.reason)
                categories = tuple(dict.fromkeys((*(known.categories if known else ()), *hit.categories)))
                limits[hit.reason] = replace(hit, categories=categories)
        return (replace(batch, entries=tuple(entries)) if limits else batch), tuple(limits.values())

    def _hit(
        self, entry: Entry, key: ProjectKey, limit: RateLimit | None, options: ProjectOptions, now: datetime
    ) -> Limit | None:
        """The first limit that the entry goes over; an entry that goes over none is counted by all of them."""
        counted: list[tuple[_Counter, int]] = []
        for category, quantity in entry.quantities:
            for window in self._windows(category, key, limit, options, now):
                if window.counter.used >= window.allowed:
                    return window.limit
                counted.append((window.counter, quantity))
        for counter, quantity in counted:
            counter.used += quantity
        return None

    def _windows(
        self, category: str, key: ProjectKey, limit: RateLimit | None, options: ProjectOptions, now: datetime
    ) -> list["_Window"]:
        found: list[_Window] = []
        if limit is not None and category in ERRORS:
            span = timedelta(seconds=limit.window_s) / self.speed
            found.append(self._key_window(key, limit, span, now))
        if category in self.quotas:
            found.append(self._quota_window(category, now))
        if options.spike_protection and category in DEVELOPER_INCLUDED:
            found.append(self._spike_window(category, key.project_id, now))
        return found

    def _key_window(self, key: ProjectKey, limit: RateLimit, span: timedelta, now: datetime) -> "_Window":
        counter, end = self._counter(("key", key.public_key, limit), span, now, lambda _: 0)
        return _Window(counter, limit.count, Limit(ERRORS, Scope.KEY, Reason.KEY, _hold(now, end)))

    def _quota_window(self, category: str, now: datetime) -> "_Window":
        counter, end = self._counter(
            ("quota", category), CYCLE / self.speed, now, lambda start: self.usage(None, category, start, now)
        )
        hit = Limit((category,), Scope.ORGANIZATION, Reason.QUOTA, _hold(now, end))
        return _Window(counter, self.quotas[category], hit)

    def _spike_window(self, category: str, project_id: int, now: datetime) -> "_Window":
        hour = HOUR / self.speed
        counter, end = self._counter(
            ("spike", project_id, category), hour, now, lambda start: self.usage(project_id, category, start, now)
        )
        known = self._thresholds.get((project_id, category))
        if known is None or known[0] != counter.start_ms:
            known = (counter.start_ms, self._threshold(project_id, category, end - hour))
            self._thresholds[project_id, category] = known
        hit = Limit((category,), Scope.PROJECT, Reason.SPIKE, _hold(now, end))
        return _Window(counter, known[1], hit)

    def _threshold(self, project_id: int, category: str, hour_start: datetime) -> int:
        """How much an hour may bring: past use times a factor, and never less than the floor."""
        week = WEEK / self.speed
        hourly = self.usage(project_id, category, hour_start - week, hour_start) / (WEEK / HOUR)
        share = SPIKE_FACTOR * self.quotas.get(category, 0) / (HOURS_PER_CYCLE * min(self.projects(), SPIKE_PROJECTS))
        return math.ceil(max(DEVELOPER_SHARE * DEVELOPER_INCLUDED[category], share, SPIKE_FACTOR * hourly))

    def _counter(
        self, name: tuple[object, ...], span: timedelta, now: datetime, begin: Callable[[datetime], int]
    ) -> tuple[_Counter, datetime]:
        """The counter of the window that `now` lies in, and the window's end."""
        span_ms = max(span // timedelta(milliseconds=1), 1)
        offset = timedelta(milliseconds=to_ms(now) % span_ms)
        start = now - offset
        counter = self._counters.get(name)
        if counter is None or counter.start_ms != to_ms(start):
            counter = self._counters[name] = _Counter(to_ms(start), begin(start))
        return counter, start + span


@dataclass(frozen=True, slots=True)
class _Window:
    """A limit as it stands."""

    counter: _Counter
    allowed: int
    limit: Limit


def _hold(now: datetime, end: datetime) -> int:
    return max(1, min(MAX_HOLD_S, math.ceil((end - now).total_seconds())))
