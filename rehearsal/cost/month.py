"""What a run measured, at its sample rate -> the bills of a month of the declared traffic."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rehearsal.cost.bill import Bill, make_bill
from rehearsal.cost.book import load_book
from rehearsal.cost.measured import Measured
from rehearsal.cost.recorded import read_measured
from rehearsal.cost.whatif import SECONDS_PER_MONTH
from rehearsal.cost.workload import Rates, volumes
from rehearsal.errors import UsageError

PLANS: Final = ("team", "business")
THIS_RUN: Final = Path("this run")  # its report is not written yet; messages name it so


@dataclass(frozen=True, slots=True)
class Month:
    """A month's bills, or why there are none."""

    requests: float  # in a month
    traces: float  # sample rate
    currency: str
    prices: str  # file and day of the price book
    bills: tuple[Bill, ...]
    why_none: str = ""


def month_of(measured: Measured, per_second: float, traces: float) -> Month:
    """Return what a month costs at so many requests a second, each like those of the run's undisturbed time."""
    book, requests = load_book(), per_second * SECONDS_PER_MONTH
    prices = f"{book.file}, {book.as_of}"
    try:
        found = read_measured(THIS_RUN, _as_read(measured))
        used = volumes(requests, found.endpoints, Rates(traces), found.beside)
        bills = tuple(make_bill(book.plan(name), used) for name in PLANS)
    except UsageError as error:
        return Month(requests, traces, book.currency, prices, (), str(error))
    return Month(requests, traces, book.currency, prices, bills)


def _as_read(measured: Measured) -> Mapping[str, Any]:
    """As it is read from report.json, which is what the reading knows."""
    return dict(json.loads(json.dumps(asdict(measured), default=datetime.isoformat)))
