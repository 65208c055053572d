"""Do the books close? What was sent (the ledger) against what Sentry accepted and what the SDK says that it dropped.

  sent          = transactions accepted + transactions dropped by the client, by reason
                  (a request that got no answer may be missing: nobody can know whether it arrived)
  failed        = error events accepted, exactly one each; a refusal for lack of room is no failure
Whatever breaks one of the two is named by its request ids where it can be: lost, duplicated, unexpected.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from loadtest.ledger import CANARY, NO_ANSWER, PLANTED, PROBE, Entry

OURS: Final = (PROBE, CANARY, PLANTED)  # intents of the rehearsal itself
Discards = Mapping[str, int]  # what the client dropped, by reason


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event or transaction that Sentry has, by the request it belongs to."""

    request_id: str | None
    endpoint: str | None = None  # name of its transaction: the route's template
    weight: float = 1.0  # how many requests it stands for: 1 / the client's sample rate


@dataclass(frozen=True, slots=True)
class Account:
    """One side of the books: what arrived, and the requests for which that is wrong."""

    arrived: int
    discards: Discards
    lost: tuple[str, ...] = ()  # due, and neither arrived nor dropped
    duplicated: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()  # not due, or of a request that nobody sent

    @property
    def is_closed(self) -> bool:
        return not (self.lost or self.duplicated or self.unexpected)


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

    @property
    def is_closed(self) -> bool:
        return self.difference == 0 and self.transactions.is_closed and self.errors.is_closed


def reconcile(
    entries: Iterable[Entry],
    transactions: Iterable[Arrival],
    errors: Iterable[Arrival],
    dropped: Discards,
    dropped_errors: Discards,
) -> Books:
    """Compare the ledger with what arrived."""
    ledger = {entry.request_id: entry for entry in entries}
    unanswered = {ident for ident, entry in ledger.items() if entry.status == NO_ANSWER}
    failed = {ident for ident, entry in ledger.items() if entry.is_failed}
    accepted = Counter(arrival.request_id for arrival in transactions)
    raised = Counter(arrival.request_id for arrival in errors)
    probes = {ident for ident, entry in ledger.items() if entry.intent == PROBE}
    missing = ledger.keys() - unanswered - accepted.keys()
    difference = _unaccounted(len(missing), len(unanswered - accepted.keys()), sum(dropped.values()))
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
            lost=tuple(sorted(missing - probes)) if is_nameable else (),
            duplicated=_duplicated(accepted),
            unexpected=_named(ident for ident in accepted if ident not in ledger),
        ),
        errors=Account(
            arrived=raised.total(),
            discards=dropped_errors,
            lost=tuple(sorted(failed - raised.keys())),
            duplicated=_duplicated(raised),
            unexpected=_named(ident for ident in raised if ident not in failed | unanswered),
        ),
    )


def _unaccounted(missing: int, perhaps_missing: int, dropped: int) -> int:
    """Set the drops against the answered requests that did not arrive; those without an answer may explain a rest."""
    if missing >= dropped:
        return missing - dropped
    return min(0, missing + perhaps_missing - dropped)


def _duplicated(arrived: Counter[str | None]) -> tuple[str, ...]:
    return _named(ident for ident, count in arrived.items() if count > 1)


def _named(idents: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted(ident or "(no request id)" for ident in idents))
