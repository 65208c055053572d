"""What Sentry refused while it was switched to refuse: drops that no client report tells of.

A 429 is in no report of the SDK that got it, and a report that is itself refused is lost with all its counts.
Source: sentry-sdk 2.75, transport; tests/rehearsal show it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from embedded.categories import quantities
from embedded.envelope import Item, parse_envelope
from embedded.errors import RejectedError
from embedded.lenient import mapping, quantity, sequence
from embedded.tap import read_tap
from rehearsal.disturbance import How
from rehearsal.observe import Observation
from rehearsal.reconcile import REFUSED
from rehearsal.switch import refused_file

REPORT: Final = "client_report"
TRANSACTION: Final = "transaction"
ERROR: Final = "error"
SESSION: Final = "session"


@dataclass(frozen=True, slots=True)
class Refused:
    """Quantities by reason, beside those that the SDKs could report."""

    transactions: dict[str, int]
    errors: dict[str, int]
    sessions: dict[str, int]  # items with session counts


def read_refused(folder: Path) -> Refused:
    """Count what was refused in any way."""
    found: Counter[tuple[str, str]] = Counter()
    for how in (How.LIMITING, How.FAILING):
        for category, reason, count in _losses(refused_file(folder, how), how):
            found[category, reason] += count
    return Refused(_of(found, TRANSACTION), _of(found, ERROR), _of(found, SESSION))


def with_refused(seen: Observation, refused: Refused) -> Observation:
    """Add it to what the SDKs say that they dropped."""
    return replace(
        seen,
        dropped=_added(seen.dropped, refused.transactions),
        dropped_errors=_added(seen.dropped_errors, refused.errors),
        dropped_sessions=_added(seen.dropped_sessions, refused.sessions),
    )


def _added(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return dict(Counter(first) + Counter(second))


def _of(found: Counter[tuple[str, str]], category: str) -> dict[str, int]:
    return {reason: count for (each, reason), count in found.items() if each == category}


def _losses(file: Path, how: How) -> Iterator[tuple[str, str, int]]:
    """Category, reason and quantity of each loss that nothing else tells of."""
    for item in _items(file):
        if item.type == REPORT:
            yield from _reported(item)
        elif how is How.LIMITING:  # a 500 is in the next report, as a network error
            yield from ((category, REFUSED, count) for category, count in quantities(item))


def _items(file: Path) -> Iterator[Item]:
    if not file.exists():
        return
    for request in read_tap(file):
        try:
            yield from parse_envelope(request.body).items
        except RejectedError:
            continue


def _reported(item: Item) -> Iterator[tuple[str, str, int]]:
    content: dict[str, Any] = mapping(orjson.loads(item.payload))
    for each in sequence(content.get("discarded_events")):
        yield str(each.get("category")), str(each.get("reason")), quantity(each.get("quantity"))
