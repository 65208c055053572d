"""Rows that the terminal, the page and the Markdown show alike: numbers as texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from rehearsal.breakdown import Part
from rehearsal.clock import show_span
from rehearsal.cost.bill import Bill
from rehearsal.cost.month import Month
from rehearsal.sampling import TOTAL, Row, Source
from rehearsal.usage import REHEARSAL
from rehearsal.verdict import Detection, Report

# The parts of the time to detect, in their order: heading, what it is, class of its colour.
PARTS: Final = (
    ("seen", "a request that the fault spoiled has ended, and was sampled", "seen"),
    ("window", "the value over the window passes the threshold", "filled"),
    ("tick", "the monitor is evaluated", "ticked"),
    ("delivery", "the notification arrives", "delivered"),
)
SOURCES: Final[tuple[Source, ...]] = ("reports", "weights", "sessions", "ledger")
IN_TENTHS: Final = timedelta(seconds=9.95)  # shorter spans are shown in tenths of a second


@dataclass(frozen=True, slots=True)
class ShownPart:
    """One part of a time to detect."""

    kind: str
    share: float  # of the total, 0 to 1
    text: str


def show_parts(each: Detection, speed: float) -> tuple[ShownPart, ...]:
    """The parts as production time, but delivery as it really took: nobody compresses that."""
    spans = (each.seen, each.filled, each.ticked, each.delivered)
    total = each.total or timedelta(seconds=1)
    texts = [show_short(span) for span in spans[:-1]] + [show_ms(each.delivered / speed)]
    return tuple(
        ShownPart(kind, span / total, text) for (_, _, kind), span, text in zip(PARTS, spans, texts, strict=True)
    )


def show_short(span: timedelta) -> str:
    """A span; one of a few seconds with tenths."""
    return f"{span.total_seconds():.1f}s" if timedelta(0) < span < IN_TENTHS else show_span(span)


def show_ms(span: timedelta) -> str:
    """Real time, in milliseconds."""
    return f"{span.total_seconds() * 1000:.0f} ms"


def show_what(row: Row) -> str:
    """What a row of the sample rates is about: an endpoint, or a sum with its kind."""
    return row.name if row.kind == "traces" and row.name != TOTAL else f"{row.kind}, {row.name}"


def show_rate(row: Row, source: Source) -> str:
    """The observed rate of one source; a dash where that source says nothing."""
    return f"{row.sources[source].value:.1%}" if source in row.sources else "-"


def show_interval(row: Row) -> str:
    """The widest interval of all sources."""
    widest = max(row.sources.values(), key=lambda each: each.high - each.low, default=None)
    return "-" if widest is None else f"{widest.low:.1%} to {widest.high:.1%}"


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One category of the month's bills."""

    category: str
    used: str
    included: str
    prices: tuple[str, ...]  # by plan
    runs_out: str  # day of the month on which the included volume is used up


def shown_lines(month: Month) -> tuple[ShownLine, ...]:
    """Categories that are used, with what each plan takes for them."""
    if not month.bills:
        return ()
    first = month.bills[0]
    return tuple(
        ShownLine(
            category=line.category.replace("_", " "),
            used=show_volume(line.used),
            included=show_volume(line.included),
            prices=tuple(f"{bill.lines[number].price:,.2f}" for bill in month.bills),
            runs_out="-" if line.runs_out_day is None else f"day {int(line.runs_out_day) + 1}",
        )
        for number, line in enumerate(first.lines)
        if line.used
    )


def show_volume(amount: Decimal) -> str:
    """A volume as people say it: `8.1M`, `50k`, `0.2`."""
    for size, letter in ((Decimal(1_000_000), "M"), (Decimal(1_000), "k")):
        if amount >= size:
            return f"{float(amount / size):.3g}{letter}"
    return f"{float(amount):.3g}"


def show_total(bill: Bill) -> str:
    """What a month costs, with the interval of 95 % where sampling makes one."""
    interval = "" if bill.low == bill.high else f" ({bill.low:,.2f} to {bill.high:,.2f})"
    return f"{bill.total:,.2f}{interval}"


@dataclass(frozen=True, slots=True)
class ShownUsage:
    """One part's CPU time."""

    name: str
    seconds: float
    cores: float  # on average
    share: float  # of the machine, 0 to 1


def shown_usage(report: Report) -> tuple[ShownUsage, ...]:
    """Each part's CPU time, the busiest first, then whoever else was on the machine."""
    usage = report.usage
    used = sorted(usage.parts.items(), key=lambda pair: -pair[1])
    named = [(f"{name} itself" if name == REHEARSAL else name, seconds) for name, seconds in used]
    whole = usage.wall_s * usage.cores or 1.0
    return tuple(
        ShownUsage(name, seconds, seconds / (usage.wall_s or 1.0), seconds / whole)
        for name, seconds in [*named, ("others on this machine", usage.others_s)]
    )


def explain_counts(report: Report) -> str:
    """What is due, and why some counts are ranges."""
    due = (
        "Due is what the ledger has without the canary, and a range where requests got no answer or were under way when"
        " Sentry was killed."
    )
    if not any(count.unknown for count in report.counts):
        return due
    minute = show_span(timedelta(seconds=60) * report.options.speed)
    return (
        f"{due} A count is a range where the SDK lost some of its own while a drill kept Sentry away: from what arrived"
        " to that and the most that was lost. Sessions are counted by the minute of real time, here "
        f"{minute} of production, so their range is wide; what is due must lie in it."
    )


def show_imbalances(part: Part) -> str:
    """What does not fit in a part, as counts: `2 lost, 1 duplicated`."""
    return ", ".join(f"{count} {kind}" for kind, count in _counted(part)) or "closed"


def _counted(part: Part) -> Iterator[tuple[str, int]]:
    for kind in dict.fromkeys(each.kind for each in part.imbalances):
        yield kind, sum(each.kind == kind for each in part.imbalances)
