"""What passes between the steps of ingest: frozen records, made by `normalise`, stored by `store.telemetry`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What became of an item. Source: Sentry's outcome names, getsentry/relay, read 2026-11."""

    ACCEPTED = "accepted"
    FILTERED = "filtered"
    RATE_LIMITED = "rate_limited"
    INVALID = "invalid"
    CLIENT_DISCARD = "client_discard"


# Statuses that failure_rate() does not count as a failure. Source: docs.sentry.io, failure rate, read 2026-11.
GOOD_STATUSES: Final = ("ok", "cancelled", "unknown")


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """So many items of a category met this end."""

    category: str  # Sentry's data category, for example `transaction`
    outcome: Outcome
    reason: str  # empty for accepted
    quantity: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """One request as its root span tells it."""

    event_id: str  # 32 hex
    trace_id: str  # 32 hex
    name: str  # route template, or a raw URL when `source` is `url`
    source: str
    op: str
    method: str | None
    ended_at: datetime
    duration_ms: float
    status: str  # Sentry's span status, `ok` if it went well
    http_status: int | None
    release: str | None
    environment: str | None
    tags: dict[str, str]
    weight: float  # how many requests it stands for: 1 / client sample rate, clamped
    span_count: int  # the root included
    payload: bytes  # the item as received


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """One error event, with the hashes that decide its issue."""

    event_id: str
    trace_id: str | None
    occurred_at: datetime
    level: str
    title: str
    culprit: str
    transaction: str | None
    release: str | None
    environment: str | None
    tags: dict[str, str]
    hashes: tuple[str, ...]  # 32 hex each; the event joins the issue that knows any of them
    payload: bytes


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Requests as the SDK counts them, unsampled, for one minute of one release and environment."""

    started_at: datetime
    release: str
    environment: str
    exited: int
    errored: int
    crashed: int
    abnormal: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to account for: what it counts as, what becomes of it, and what is stored of it."""

    quantities: tuple[tuple[str, int], ...]  # (data category, quantity)
    outcome: Outcome = Outcome.ACCEPTED
    reason: str = ""
    record: Transaction | ErrorEvent | tuple[SessionCounts, ...] | None = None  # None: counted only

    def dropped(self, outcome: Outcome, reason: str) -> "Entry":
        """The same thing, not stored after all."""
        return Entry(self.quantities, outcome, reason)


@dataclass(frozen=True, slots=True)
class Batch:
    """All that one envelope brings, to be stored in one transaction or not at all."""

    project_id: int
    received_at: datetime
    entries: tuple[Entry, ...]
    client_discards: tuple[OutcomeCount, ...] = ()

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        return tuple(entry.record for entry in self.entries if isinstance(entry.record, Transaction))

    @property
    def errors(self) -> tuple[ErrorEvent, ...]:
        return tuple(entry.record for entry in self.entries if isinstance(entry.record, ErrorEvent))

    @property
    def sessions(self) -> tuple[SessionCounts, ...]:
        return tuple(row for entry in self.entries if isinstance(entry.record, tuple) for row in entry.record)

    @property
    def outcomes(self) -> tuple[OutcomeCount, ...]:
        """Of everything but what may turn out to be a duplicate, which only the store can tell."""
        settled = (entry for entry in self.entries if not isinstance(entry.record, Transaction | ErrorEvent))
        return tuple(count for entry in settled for count in entry_outcomes(entry)) + self.client_discards


def entry_outcomes(entry: Entry) -> list[OutcomeCount]:
    """Return the entry's lines in the books."""
    return [OutcomeCount(category, entry.outcome, entry.reason, each) for category, each in entry.quantities]
