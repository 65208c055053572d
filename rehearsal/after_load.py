"""How a load test ends: which rates took effect, and what the month would cost; through the web API and the ledger.

The stack was up before and stays up, so whatever it counts since the day began is taken before and after. The SDK
reports its drops and sessions within a minute of the last request: that is waited for, if there is any.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from loadtest.ledger import NO_ANSWER, Entry, Ledger
from monitors.client import SentryClient
from rehearsal.clock import now, sleep
from rehearsal.cost.measured import Measured
from rehearsal.measure import measure
from rehearsal.observe import Observation, observe
from rehearsal.progress import Progress
from rehearsal.reports.jsonfile import convert
from rehearsal.sampling import Arrived, Configured, Row, Sampled, effective_rates
from rehearsal.statefile import write_text

POLL: Final = timedelta(seconds=1)
FILE: Final = "loadtest.json"  # `rehearse cost --run` reads it


@dataclass(frozen=True, slots=True)
class Begun:
    """What was when the load began."""

    before: Observation
    since: datetime
    wait: timedelta  # at most, for the SDK to report: its sessions go out each minute, and its reports with them


@dataclass(frozen=True, slots=True)
class Ending:
    """What a load test showed."""

    rates: tuple[Row, ...]
    measured: Measured
    is_reported: bool  # did the SDK account for every request in time?


@dataclass(frozen=True, slots=True)
class Pending:
    """Earlier requests that the SDK will report beside those of the load."""

    least: int  # they were answered
    most: int  # and those that their sender gave up: a service that was still starting may have taken them all the same

    def among(self, more: int) -> int:
        """How many they were, where so many more requests were counted than the load's."""
        return min(max(more, self.least), self.most)


def take_stock(client: SentryClient, project_id: int) -> Observation:
    """Return what Sentry has counted before the load begins."""
    return observe(client, project_id, now())


def end_load(
    client: SentryClient,
    project_id: int,
    configured: Configured,
    ledger: Path,
    begun: Begun,
    progress: Progress,
) -> Ending:
    """Wait for the SDK's reports, then return what the load since then showed, and keep it beside the ledger."""
    before, since = begun.before, begun.since
    whole = Ledger(ledger).refresh()
    entries = [each for each in whole if each.sent_at >= since.timestamp()]
    pending = unreported(whole, before, since)
    deadline = now() + begun.wait
    while True:
        after = observe(client, project_id, since)
        is_reported = _is_reported(entries, before, after, pending)
        if is_reported or now() > deadline:
            break
        progress.show("waiting for the SDK to report what it did not send, a minute at most")
        sleep(POLL)
    measured = measure(client, project_id, entries, since)
    write_text(ledger.with_name(FILE), json.dumps({"measured": asdict(measured)}, default=convert, indent=2))
    return Ending(effective_rates(configured, arrived(entries, before, after, pending)), measured, is_reported)


def unreported(entries: list[Entry], before: Observation, since: datetime) -> Pending:
    """Return how many earlier requests the SDK had not reported when the load began: the probes of a fresh stack."""
    earlier = [each for each in entries if each.sent_at < since.timestamp()]
    answered, counted = sum(each.status != NO_ANSWER for each in earlier), sum(before.sessions.values())
    return Pending(max(0, answered - counted), max(0, len(earlier) - counted))


def arrived(entries: list[Entry], before: Observation, after: Observation, pending: Pending) -> Arrived:
    """Return what arrived of these requests between two observations; `pending` earlier ones came in beside them."""
    sent = {each.request_id: each for each in entries if each.status != NO_ANSWER}
    sessions = sum(_since(before.sessions, after.sessions).values())
    return Arrived(
        transactions=tuple(
            Sampled(sent[each.request_id].route, each.weight) for each in after.transactions if each.request_id in sent
        ),
        dropped=_since(before.dropped, after.dropped),
        untraced=pending.among(sessions - len(sent)),
        requests=Counter(each.route for each in sent.values()),
        sessions=sessions or None,
        errors=sum(each.request_id in sent for each in after.errors),
        dropped_errors=_since(before.dropped_errors, after.dropped_errors),
    )


def _is_reported(entries: list[Entry], before: Observation, after: Observation, pending: Pending) -> bool:
    """Is every answered request a transaction or a drop, and a session?"""
    found = arrived(entries, before, after, pending)
    answered = sum((found.requests or {}).values()) + pending.least
    return len(found.transactions) + sum(found.dropped.values()) >= answered and (found.sessions or 0) >= answered


def _since(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in grown.items() if count > 0}
