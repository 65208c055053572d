"""The books by endpoint and by drill: the same requests, counted in parts; pure.

Client reports and sessions name neither, so that what the client dropped is known here as what did not arrive.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from loadtest.ledger import CANARY, Entry
from rehearsal.reconcile import Account, Arrival, Books, Kind

UNKNOWN: Final = "(no request of ours)"  # what arrived for a request that nobody sent
PartOf = Callable[[Entry], str]


@dataclass(frozen=True, slots=True)
class Imbalance:
    """One request for which the books do not close."""

    kind: Kind
    of: str  # transaction or error event
    request_id: str


@dataclass(frozen=True, slots=True)
class Part:
    """The books of one endpoint, or of one drill."""

    name: str
    sent: int
    failed: int
    unanswered: int
    traced: int  # requests with a transaction
    untraced: int  # and without: dropped by the client, or lost
    stands_for: float  # how many requests the transactions stand for, by their weights
    errors: int  # error events
    imbalances: tuple[Imbalance, ...]


@dataclass(slots=True)
class _Sum:
    entries: list[Entry] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    errors: int = 0
    imbalances: list[Imbalance] = field(default_factory=list)


def break_down(
    entries: Iterable[Entry],
    transactions: Iterable[Arrival],
    errors: Iterable[Arrival],
    books: Books,
    part_of: PartOf,
) -> tuple[Part, ...]:
    """Return the parts in the order in which the ledger first names them; the canary belongs to none."""
    ledger = {entry.request_id: entry for entry in entries}
    names = {ident: part_of(entry) for ident, entry in ledger.items() if entry.intent != CANARY}
    canaries = ledger.keys() - names.keys()
    sums: dict[str, _Sum] = defaultdict(_Sum)
    for ident, name in names.items():
        sums[name].entries.append(ledger[ident])
    for each in transactions:
        if each.request_id not in canaries:
            sums[_name(each.request_id, names)].weights[each.request_id or ""] = each.weight
    for each in errors:
        sums[_name(each.request_id, names)].errors += 1
    for found in _imbalances(books):
        sums[_name(found.request_id, names)].imbalances.append(found)
    return tuple(_part(name, found) for name, found in sums.items())


def by_endpoint(entry: Entry) -> str:
    """The route's template, as Sentry names the transaction."""
    return entry.route


def by_span(spans: Sequence[tuple[str, float, float]], otherwise: str) -> PartOf:
    """Which of the spans, given as (name, start, end) in seconds since the epoch, a request was sent in."""

    def part_of(entry: Entry) -> str:
        return next((name for name, start, end in spans if start <= entry.sent_at < end), otherwise)

    return part_of


def _name(ident: str | None, names: Mapping[str, str]) -> str:
    return names.get(ident or "", UNKNOWN)


def _imbalances(books: Books) -> Iterable[Imbalance]:
    accounts: tuple[tuple[str, Account], ...] = (("transaction", books.transactions), ("error event", books.errors))
    for of, account in accounts:
        for kind, idents in account.imbalances:
            yield from (Imbalance(kind, of, ident) for ident in idents)


def _part(name: str, found: _Sum) -> Part:
    known = {entry.request_id for entry in found.entries}
    traced = len(known & found.weights.keys())
    return Part(
        name=name,
        sent=len(found.entries),
        failed=sum(entry.is_failed for entry in found.entries),
        unanswered=sum(not entry.status for entry in found.entries),
        traced=traced,
        untraced=len(known) - traced,
        stands_for=sum(found.weights.values()),
        errors=found.errors,
        imbalances=tuple(found.imbalances),
    )
