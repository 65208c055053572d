"""What the engine accepted in a span of time -> a month of that, and its bill.

Items come by themselves: a count of n has a standard deviation of the square root of n. Spans come with their
transactions, and bytes with their entries, so it is those that are counted.
"""

from collections.abc import Mapping
from datetime import timedelta
from math import sqrt
from typing import Final

from embedded.pages.extension import BillLine, Projection
from rehearsal.cost.bill import make_bill
from rehearsal.cost.power import MONTH
from rehearsal.cost.prices import PriceBook
from rehearsal.cost.workload import Volume

GIGABYTE: Final = 1e9  # as Sentry bills
# Category of the books -> that of the price book, how many make a unit, and which category counts what brings them.
METERED: Final = {
    "error": ("errors", 1.0, "error"),
    "span": ("spans", 1.0, "transaction"),
    "log_byte": ("logs_gb", GIGABYTE, "log_item"),
    "trace_metric_byte": ("metrics_gb", GIGABYTE, "trace_metric"),
    "attachment": ("attachments_gb", GIGABYTE, "attachment_item"),
}
PLAN: Final = "team"


def project(book: PriceBook, accepted: Mapping[str, int], span: timedelta) -> Projection | None:
    """Return the bill of a month like this span of production time; None where nothing was accepted."""
    metered = [_volume(category, accepted, MONTH / span) for category in METERED if accepted.get(category)]
    if not metered:
        return None
    bill = make_bill(book.plan(PLAN), metered)
    return Projection(
        plan=bill.plan,
        currency=book.currency,
        base=bill.base,
        total=bill.total,
        low=bill.low,
        high=bill.high,
        lines=tuple(
            BillLine(each.category, each.used, each.included, each.price, each.low, each.high) for each in bill.lines
        ),
        prices_as_of=book.as_of.isoformat(),
    )


def _volume(category: str, accepted: Mapping[str, int], factor: float) -> Volume:
    name, unit, bringer = METERED[category]
    mean = accepted[category] * factor / unit
    brought = accepted.get(bringer) or accepted[category]
    return Volume(name, mean, mean / sqrt(brought))
