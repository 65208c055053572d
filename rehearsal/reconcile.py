"""Do the books close? What was sent (the ledger) against what Sentry accepted and what the SDK says that it dropped.

  sent            = transactions accepted + transactions dropped by the client, by reason
                    (a request that got no answer may be missing: nobody can know whether it arrived)
  failed (5xx)    = error events accepted, exactly one each
Whatever breaks one of the two is named by its request ids: lost, duplicated, unexpected.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from loadtest.ledger import NO_ANSWER, PROBE, Entry

SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event or transaction that Sentry has, by the request it belongs to."""

    request_id: str | None


@dataclass(frozen=True, slots=True)
class Books:
    """Both accounts, with the requests that do not add up."""

    sent: int
    probes: int  # of those sent: our own, of a route that the service never traces
    unanswered: int
    failed: int  # answered with 5xx
    transactions: int
    discards: dict[str, int]  # transactions the client dropped, by reason
    errors: int
    lost_errors: tuple[str, ...]  # failed, but no error event
    duplicated: tuple[str, ...]  # more than one transaction or error event for one request
    unexpected: tuple[str, ...]  # error event for a request that did not fail, or an id that nobody sent

    @property
    def difference(self) -> int:
        """Requests unaccounted for: neither accepted nor dropped, nor possibly never arrived. Negative: too many."""
        missing = self.sent - self.transactions - sum(self.discards.values())
        return max(0, missing - self.unanswered) if missing > 0 else missing

    @property
    def is_closed(self) -> bool:
        return self.difference == 0 and not (self.lost_errors or self.duplicated or self.unexpected)


def reconcile(
    entries: Iterable[Entry], transactions: Iterable[Arrival], errors: Iterable[Arrival], discards: dict[str, int]
) -> Books:
    """Compare the ledger with what arrived. Requests without an answer may or may not have reached the service."""
    ledger = {entry.request_id: entry for entry in entries}
    accepted = Counter(arrival.request_id for arrival in transactions)
    raised = Counter(arrival.request_id for arrival in errors)
    failed = {ident for ident, entry in ledger.items() if entry.status >= SERVER_ERROR}
    may_fail = failed | {ident for ident, entry in ledger.items() if entry.status == NO_ANSWER}
    return Books(
        sent=len(ledger),
        probes=sum(entry.intent == PROBE for entry in ledger.values()),
        unanswered=len(may_fail - failed),
        failed=len(failed),
        transactions=accepted.total(),
        discards=discards,
        errors=raised.total(),
        lost_errors=tuple(sorted(failed - set(raised))),
        duplicated=_named(ident for ident, count in accepted.items() if count > 1)
        + _named(ident for ident, count in raised.items() if count > 1),
        unexpected=_named(ident for ident in raised if ident not in may_fail)
        + _named(ident for ident in accepted if ident not in ledger),
    )


def _named(idents: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted(ident or "(no request id)" for ident in idents))
