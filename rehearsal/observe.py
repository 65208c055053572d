"""What arrived, read through Sentry's web API alone, so that it works against either engine."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitors import signals
from monitors.client import SentryClient
from rehearsal.clock import now
from rehearsal.reconcile import Arrival

CLOCK_MARGIN: Final = timedelta(minutes=2)
TRANSACTION: Final = "transaction"
SAMPLING_RATE: Final = "sampling_rate"
STATUS: Final = "session.status"
# Everything that is not accepted, and how its reasons are shown.
OUTCOMES: Final = {"client_discard": "{}", "rate_limited": "{}", "filtered": "filtered: {}", "invalid": "invalid: {}"}


@dataclass(frozen=True, slots=True)
class Observation:
    """What Sentry has of a run."""

    transactions: tuple[Arrival, ...]
    errors: tuple[Arrival, ...]
    dropped: dict[str, int]  # transactions that the client dropped, or a limit of Sentry's refused, by reason
    dropped_errors: dict[str, int]  # error events, likewise
    dropped_sessions: dict[str, int]  # envelopes with session counts that it dropped, by reason
    lost_reports: int  # client reports that were lost with the envelope they were in
    sessions: dict[str, int]  # requests as the SDKs count them, whatever is sampled, by how they ended


def observe(client: SentryClient, project_id: int, since: datetime) -> Observation:
    """Read every transaction and error of the run by request id, and what the client dropped."""
    minutes = minutes_since(since)
    return Observation(
        _transactions(client, project_id, minutes),
        _errors(client, project_id, minutes),
        _losses(client, project_id, "transaction"),
        _losses(client, project_id, "error"),
        _losses(client, project_id, "session"),
        sum(_losses(client, project_id, "internal").values()),
        _sessions(client, project_id),
    )


def minutes_since(since: datetime) -> int:
    """Whole minutes back to an instant, with a margin for clocks."""
    return int((now() - since + CLOCK_MARGIN) / timedelta(minutes=1)) + 1


def breaches(client: SentryClient, project_id: int, monitor: str, since: datetime) -> list[datetime]:
    """Starts of the monitor's open periods since then, oldest first; empty also when there is no such monitor."""
    detector = next((each for each in client.detectors(project_id) if each.name == monitor), None)
    periods = client.open_periods(detector.id) if detector else ()
    return sorted(period.start for period in periods if period.start >= since)


def _transactions(client: SentryClient, project_id: int, minutes: int) -> tuple[Arrival, ...]:
    query = f"{signals.IS_TRANSACTION.name}:true"
    fields = ["id", signals.REQUEST_ID.name, TRANSACTION, SAMPLING_RATE]
    rows = client.events(project_id, "spans", fields, query, stats_period=f"{minutes}m", sort="timestamp")
    return tuple(Arrival(row[signals.REQUEST_ID.name], row[TRANSACTION], _weight(row[SAMPLING_RATE])) for row in rows)


def _errors(client: SentryClient, project_id: int, minutes: int) -> tuple[Arrival, ...]:
    tags = (signals.REQUEST_ID.name, signals.ERROR_CODE.name)
    rows = client.events(
        project_id, "errors", ["id", *tags, TRANSACTION], "", stats_period=f"{minutes}m", sort="timestamp"
    )
    return tuple(Arrival(row[tags[0]], row[TRANSACTION], code=row[tags[1]]) for row in rows)


def _weight(rate: float | None) -> float:
    """How many requests one stands for that was sampled at a rate; an SDK that says none samples all."""
    return 1 / rate if rate else 1.0


def _losses(client: SentryClient, project_id: int, category: str) -> dict[str, int]:
    """What the SDKs say they dropped of a category, and what Sentry itself did not take, by reason, in the last day.

    A run has a project of its own. What Sentry filtered or found invalid had arrived: it is no loss of the SDK's.
    """
    found: Counter[str] = Counter()
    for outcome, shown in OUTCOMES.items():
        for group in client.stats_v2(project_id, ["reason"], category=category, outcome=outcome):
            found[shown.format(group.by["reason"])] += group.quantity
    return dict(found)


def _sessions(client: SentryClient, project_id: int) -> dict[str, int]:
    """How many requests ended in each way, in the last day: the SDKs' own counters, flushed once a minute."""
    return {group.by[STATUS]: group.quantity for group in client.sessions(project_id, [STATUS])}
