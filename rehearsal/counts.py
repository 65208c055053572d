"""How many requests there were, by three counts that do not know each other, against the ledger; pure.

  reports    transactions accepted + transactions that the SDK says it dropped
  weights    what the accepted transactions stand for, each 1 / the rate in its envelope, and what was dropped after
             sampling
  sessions   requests that the SDK counted one by one, which no sampling touches
Weights are an estimate: sampling is chance. Their spread is that of Horvitz and Thompson's estimator.
Source: Horvitz and Thompson 1952, "A generalization of sampling without replacement from a finite universe", here with
independent draws; `sentry_sdk.sessions` 2.75.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal

from loadtest.ledger import CANARY, NO_ANSWER, PROBE, Entry
from rehearsal.reconcile import Arrival, Discards

CountSource = Literal["reports", "weights", "sessions"]
BACKPRESSURE: Final = "backpressure"
SAMPLING: Final = ("sample_rate", BACKPRESSURE)  # reasons of drops that are sampling; all others come after it
FAILED_STATES: Final = ("errored", "crashed")  # of sessions: a request with an error event
# A run counts once; four standard deviations are exceeded by chance in one of 16,000.
Z: Final = 4.0
MANY: Final = 30  # transactions, from which their own weights tell the spread


@dataclass(frozen=True, slots=True)
class Count:
    """One source's number of requests, and what the ledger says that it must be."""

    source: CountSource
    what: str  # is counted
    counted: float
    least: float  # the ledger's, without the requests that got no answer
    most: float  # and with them
    spread: float = 0.0  # standard deviation of the source's number
    excuse: str = ""  # why it may be short: the SDK says that it lost some of the count itself
    unknown: float = 0.0  # requests that what was lost may have stood for at most, beyond `counted`

    @property
    def allowed(self) -> float:
        """How far chance alone may take the source's number."""
        return Z * self.spread

    @property
    def is_close(self) -> bool:
        margin = self.allowed + 0.5  # half a request: weights are decimal fractions
        return self.counted + self.unknown >= self.least - margin and self.counted <= self.most + margin


@dataclass(frozen=True, slots=True)
class Seen:
    """What the three sources say."""

    transactions: Sequence[Arrival]
    dropped: Discards  # transactions
    sessions: Mapping[str, int]  # by how they ended
    dropped_sessions: Discards  # envelopes with session counts
    lost_reports: int  # client reports that were lost with the envelope they were in
    cut_off: int = 0  # sends that may have arrived although they were reported as drops


def _never(_: Entry) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Risks:
    """Which requests can be in a count of the SDK's own that was lost, as told by when they were sent."""

    report: Callable[[Entry], bool] = _never  # as a drop on the way
    sampled: Callable[[Entry], bool] = _never  # as a drop of any kind
    session: Callable[[Entry], bool] = _never


def count_requests(
    entries: Iterable[Entry],
    seen: Seen,
    risks: Risks = Risks(),
    *,
    has_sessions: bool = False,
) -> tuple[Count, ...]:
    """Return each source's count of the run. Sessions are left out where none came and none had to."""
    ledger = tuple(entries)
    canaries = {entry.request_id for entry in ledger if entry.intent == CANARY}  # no request stands behind these
    found = [entry for entry in ledger if entry.request_id not in canaries]
    arrived = [each for each in seen.transactions if each.request_id not in canaries]
    known = {each.request_id for each in arrived}
    without = [entry for entry in found if entry.request_id not in known and risks.report(entry)]
    unreported = _answered(without) if seen.lost_reports else 0
    counts = [_by_reports(found, arrived, seen, unreported)]
    if arrived:
        counts.append(_by_weights(found, arrived, seen, unreported))
    if has_sessions or seen.sessions:
        uncounted = [entry for entry in found if seen.dropped_sessions and risks.session(entry)]
        counts += [_by_sessions(found, seen, uncounted), _failed_by_sessions(found, seen, uncounted)]
    return tuple(counts)


def _by_reports(entries: list[Entry], arrived: list[Arrival], seen: Seen, unreported: int) -> Count:
    counted, most = len(arrived) + sum(seen.dropped.values()), len(entries) + seen.cut_off
    return Count("reports", "requests", counted, _answered(entries), most, 0.0, _lost_reports(seen), unreported)


def _by_weights(entries: list[Entry], arrived: list[Arrival], seen: Seen, unreported: int) -> Count:
    """Of the load alone: of a route at rate 0 no transaction can tell."""
    probes = {entry.request_id for entry in entries if entry.intent == PROBE}
    load = [entry for entry in entries if entry.request_id not in probes]
    weights = [each.weight for each in arrived if each.request_id not in probes]
    later = sum(count for reason, count in seen.dropped.items() if reason not in SAMPLING)
    mean = sum(weights) / len(weights) if weights else 0.0
    # From few transactions the estimate of its own spread is poor; how many were sent is known.
    known = len(load) * max(0.0, mean - 1)
    variance = sum(weight * (weight - 1) for weight in weights) if len(weights) >= MANY else known
    counted = sum(weights) + later * mean
    # A full queue raises the backpressure and drops what was sampled under it, whose weights are above the mean.
    unknown = (seen.dropped.get(BACKPRESSURE, 0) if later else 0) + unreported
    most, excuse = len(load) + seen.cut_off, _lost_reports(seen)
    return Count("weights", "requests of the load", counted, _answered(load), most, sqrt(variance), excuse, unknown)


def _by_sessions(entries: list[Entry], seen: Seen, uncounted: list[Entry]) -> Count:
    counted, most = sum(seen.sessions.values()), len(entries) + seen.cut_off
    return Count("sessions", "requests", counted, _answered(entries), most, 0.0, _lost_sessions(seen), len(uncounted))


def _failed_by_sessions(entries: list[Entry], seen: Seen, uncounted: list[Entry]) -> Count:
    counted = sum(seen.sessions.get(state, 0) for state in FAILED_STATES)
    failed = sum(entry.is_failed for entry in entries)
    perhaps = len(entries) - _answered(entries) + sum(entry.is_shed for entry in entries)
    unknown = sum(entry.is_failed for entry in uncounted)
    return Count("sessions", "failed requests", counted, failed, failed + perhaps, 0.0, _lost_sessions(seen), unknown)


def _answered(entries: list[Entry]) -> int:
    return sum(entry.status != NO_ANSWER for entry in entries)


def _lost_reports(seen: Seen) -> str:
    return f"{seen.lost_reports} of the SDK's reports were lost" if seen.lost_reports else ""


def _lost_sessions(seen: Seen) -> str:
    lost = sum(seen.dropped_sessions.values())
    return f"{lost} of the SDK's session envelopes were lost" if lost else ""
