"""Do the books close? What was sent (the ledger) against what Sentry accepted and what the SDK says that it dropped.

  sent          = transactions accepted + transactions dropped by the client, by reason
                  (a request that got no answer may be missing: nobody can know whether it arrived)
  failed        = error events accepted, exactly one each, + those that were lost on the way, by reason
                  (a refusal for lack of room is no failure; events beside the answer, which stands, are counted apart)
Whatever breaks one of the two is named by its request ids where it can be: lost, duplicated, unexpected, forced.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.ledger import CANARY, FORCED, NO_ANSWER, PLANTED, PROBE, Entry

REFUSED: Final = "refused with 429"  # what Sentry itself refused; no SDK reports it
OURS: Final = (PROBE, CANARY, FORCED, PLANTED)  # intents of the rehearsal itself
SAME_RATE: Final = 0.98  # a weight is 1 / rate in decimal digits: closer than 2 % is the same
# Why an error event is lost that was sent, or was about to be: Sentry was out, or a limit held. Every other reason is
# one of the service's own, and error events are none of those that it may choose among.
ON_THE_WAY: Final = (
    *("network_error", "ratelimit_backoff", "queue_overflow", REFUSED),
    *("key_quota", "quota_exceeded", "spike_protection"),
)
Discards = Mapping[str, int]  # what the client dropped, by reason
RateOf = Callable[[str], float]  # endpoint -> traces sample rate that the service was told
Kind = Literal["lost", "duplicated", "unexpected", "forced"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event or transaction that Sentry has, by the request it belongs to."""

    request_id: str | None
    endpoint: str | None = None  # name of its transaction: the route's template
    weight: float = 1.0  # how many requests it stands for: 1 / the client's sample rate
    code: str | None = None  # of an error event


@dataclass(frozen=True, slots=True)
class Account:
    """One side of the books: what arrived, and the requests for which that is wrong."""

    arrived: int
    discards: Discards
    lost: tuple[str, ...] = ()  # due, and neither arrived nor dropped
    duplicated: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()  # not due, or of a request that nobody sent
    forced: tuple[str, ...] = ()  # traced at a higher rate than configured, which a caller's headers can do

    @property
    def is_closed(self) -> bool:
        return not any(idents for _, idents in self.imbalances)

    @property
    def imbalances(self) -> tuple[tuple[Kind, tuple[str, ...]], ...]:
        """Every way of not closing, with its requests."""
        return (
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("unexpected", self.unexpected),
            ("forced", self.forced),
        )


@dataclass(frozen=True, slots=True)
class Books:
    """Both accounts, and what was sent."""

    sent: int
    probes: int  # of those sent: our own, of a route that the service never traces
    traced: int  # of those sent: requests of the load with a transaction
    unanswered: int  # of those sent: they may have reached the service or not
    failed: int  # answered with 5xx
    shed: int  # refused with 503 for lack of room: a transaction, but no failure
    difference: int  # requests without a transaction or a drop; negative: more of these than requests
    transactions: Account
    errors: Account
    lost_reports: int = 0  # of the SDK's own counts, with which it lost the reasons of drops
    excusable: int = 0  # requests whose drop can have been in one of these reports, at most
    beside: int = 0  # events that tell of something beside an answer, which stands; none of the error events above

    @property
    def is_closed(self) -> bool:
        is_even = self.difference == 0 or self.is_excused
        return is_even and self.transactions.is_closed and self.errors.is_closed

    @property
    def is_excused(self) -> bool:
        """Are drops missing because the SDK lost a report of them, and no more than can have been in it?

        The SDK tells of a lost report in the next one.
        """
        return 0 < self.difference <= self.excusable


def reconcile(
    entries: Iterable[Entry],
    transactions: Iterable[Arrival],
    errors: Iterable[Arrival],
    dropped: Discards,
    dropped_errors: Discards,
    *,
    rate_of: RateOf | None = None,
    lost_reports: int = 0,
    could_be_lost: Callable[[Entry], bool] = lambda _: False,
    cut_off: int = 0,
    codes_beside: Collection[str] = (),
) -> Books:
    """Compare the ledger with what arrived. Without `rate_of` nobody knows the rates, and nothing counts as forced.

    `could_be_lost`: was it sent at a time of which a report can have been lost? A lost report excuses no other.
    `cut_off` is how many sends may have arrived although the SDK reports them as drops: Sentry was killed meanwhile.
    An event with one of `codes_beside` is about a request that went well, or failed for another reason.
    """
    transactions, errors = tuple(transactions), tuple(errors)
    ledger = {entry.request_id: entry for entry in entries}
    of_failures = [each for each in errors if each.code not in codes_beside or each.request_id not in ledger]
    unanswered = {ident for ident, entry in ledger.items() if entry.status == NO_ANSWER}
    failed = {ident for ident, entry in ledger.items() if entry.is_failed}
    accepted = Counter(arrival.request_id for arrival in transactions)
    raised = Counter(arrival.request_id for arrival in of_failures)
    probes = {ident for ident, entry in ledger.items() if entry.intent == PROBE}
    missing = ledger.keys() - unanswered - accepted.keys()
    perhaps_missing = len(unanswered - accepted.keys()) + cut_off
    difference = _unaccounted(len(missing), perhaps_missing, sum(dropped.values()))
    at_risk = {ident for ident, entry in ledger.items() if lost_reports and could_be_lost(entry)}
    # Where the client dropped others too, which of the missing ones were dropped and which lost cannot be told.
    is_nameable = difference > 0 and sum(dropped.values()) <= len(probes)
    return Books(
        sent=len(ledger),
        probes=len(probes),
        traced=sum(entry.intent not in OURS for ident, entry in ledger.items() if ident in accepted),
        unanswered=len(unanswered),
        failed=len(failed),
        shed=sum(entry.is_shed for entry in ledger.values()),
        difference=difference,
        transactions=Account(
            arrived=accepted.total(),
            discards=dropped,
            lost=tuple(sorted(missing - probes - at_risk)) if is_nameable else (),
            duplicated=_duplicated(accepted),
            unexpected=_named(ident for ident in accepted if ident not in ledger),
            forced=_forced(transactions, ledger, rate_of) if rate_of else (),
        ),
        errors=_account_errors(raised, dropped_errors, failed, unanswered, at_risk),
        lost_reports=lost_reports,
        excusable=len(missing & at_risk),
        beside=len(errors) - len(of_failures),
    )


def _account_errors(
    raised: Counter[str | None], dropped: Discards, failed: set[str], unanswered: set[str], at_risk: set[str]
) -> Account:
    """Set error events against failed requests; one without is lost, unless a drop or a lost report may be why."""
    without_event = failed - raised.keys()
    unexplained = len(without_event) - sum(count for reason, count in dropped.items() if reason in ON_THE_WAY)
    return Account(
        arrived=raised.total(),
        discards=dropped,
        lost=tuple(sorted(without_event - at_risk)) if unexplained > len(without_event & at_risk) else (),
        duplicated=_duplicated(raised),
        unexpected=_named(ident for ident in raised if ident not in failed | unanswered),
    )


def _unaccounted(missing: int, perhaps_missing: int, dropped: int) -> int:
    """Set the drops against the answered requests that did not arrive; those without an answer may explain a rest."""
    if missing >= dropped:
        return missing - dropped
    return min(0, missing + perhaps_missing - dropped)


def _forced(transactions: Iterable[Arrival], ledger: Mapping[str, Entry], rate_of: RateOf) -> tuple[str, ...]:
    """Requests with a transaction that stands for fewer than the route's rate says; at a rate of 0, any."""
    found = {each.request_id for each in transactions if _is_forced(each, ledger.get(each.request_id or ""), rate_of)}
    return tuple(sorted(ident for ident in found if ident))


def _is_forced(arrival: Arrival, entry: Entry | None, rate_of: RateOf) -> bool:
    if entry is None or entry.intent == CANARY:  # the canary is ours, and asks no sampler
        return False
    return arrival.weight * rate_of(entry.route) < SAME_RATE


def _duplicated(arrived: Counter[str | None]) -> tuple[str, ...]:
    return _named(ident for ident, count in arrived.items() if count > 1)


def _named(idents: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted(ident or "(no request id)" for ident in idents))
