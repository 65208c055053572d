"""What sample rates cost and page, as tables for the terminal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rehearsal.cost.assume import Assumptions
from rehearsal.cost.bill import Bill, Line
from rehearsal.cost.power import HORIZONS, MINUTE, Power
from rehearsal.cost.prices import PriceBook
from rehearsal.cost.whatif import Choice, Question, Watched
from rehearsal.cost.workload import Billed
from rehearsal.reports.fitting import Fitting

SHOWN_MINUTES: Final = 15  # of the one table; the others are among the details
MOST_NAMES: Final = 5  # span names of an endpoint
MOST_CHARS: Final = 60  # of one
DETECTS: Final = {"share": "{:.1%} bad", "duration": "x{:.2g} slower", "traffic": "x{:.2g} traffic"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands below each table: where its numbers come from, and of which day."""

    currency: str
    text: str

    @classmethod
    def of(cls, book: PriceBook, assumptions: Assumptions, question: Question) -> "Shown":
        step = question.step
        return cls(
            book.currency,
            f"{question.requests:,.0f} requests a month, even over the day: real traffic pages more at night.\n"
            f"To be seen: {step.healthy:.1%} bad requests become {step.degraded:.1%}; durations or traffic change"
            f" {step.times:g} times.\n{_sources(book, assumptions)}",
        )

    def footer(self) -> str:
        return self.text


def bill_footer(book: PriceBook, assumptions: Assumptions, requests: float, least_errors: float | None) -> str:
    """What stands below a bill. `least_errors`: of each endpoint's requests, where they are a run's."""
    lines = [f"{requests:,.0f} requests a month."]
    if least_errors is not None:
        lines.append(f"Errors as measured, but of {least_errors:.1%} of an endpoint's requests at least (--healthy).")
    return "\n".join([*lines, _sources(book, assumptions)])


def _sources(book: PriceBook, assumptions: Assumptions) -> str:
    return f"What endpoints emit: {assumptions.where}. Prices of {book.as_of} ({book.file}), before tax."


def show_choices(choices: tuple[Choice, ...], shown: Shown, *, details: bool) -> RenderableType:
    """One table, cost and power side by side; with `details` one more for each monitor."""
    parts: list[RenderableType] = [_side_by_side(choices, shown.currency), *_remarks(choices)]
    if details:
        parts += [_watched(choices, number) for number in range(len(choices[0].watched))]
    parts.append(
        Text(
            f"by {SHOWN_MINUTES}: how surely it fires within {SHOWN_MINUTES} minutes of the step. false: pages a month"
            " with nothing wrong.\nwindow: sampled requests in one; of unequal rates, as many equal ones as tell it."
            "\nA new error pages for sure: errors are not sampled."
        )
    )
    return Group(*parts, Text(shown.footer()))


def _side_by_side(choices: tuple[Choice, ...], currency: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("traces", *(f"{bill.plan}\n{currency}" for bill in choices[0].bills)):
        table.add_column(name, justify="right", no_wrap=True)
    for each in choices[0].watched:
        for number, name in enumerate((f"{each.monitor}\nwindow", f"\nby {SHOWN_MINUTES}", "\nfalse")):
            table.add_column(name, justify="right", no_wrap=number > 0)
    for choice in choices:
        cells = [cell for each in choice.watched for cell in _brief(each.power)]
        table.add_row(_rates(choice), *(f"{bill.total:.2f}" for bill in choice.bills), *cells)
    return table


def _rates(choice: Choice) -> str:
    return f"{choice.rates.traces:g}" + ("*" if choice.rates.routes else "")


def _brief(found: Power | None) -> tuple[str, str, str]:
    if found is None:
        return "0", "never", "0"
    surely = found.within[HORIZONS.index(SHOWN_MINUTES)]
    return f"{found.requests_per_window:,.0f}", f"{surely:.0%}", number(found.false_pages_per_month)


def number(count: float) -> str:
    """A count as one reads it: 28, 1.5, or that it is next to nothing."""
    if count >= 10:
        return f"{count:,.0f}"
    if count >= 0.05:
        return f"{count:.1f}"
    return "< 0.1" if count else "0"


def _remarks(choices: Iterable[Choice]) -> list[Text]:
    """What a total does not tell: quotas that run out, what a cap drops, the rates of single routes."""
    found = []
    for choice in choices:
        if choice.rates.routes:
            listed = ", ".join(f"{name} {rate:g}" for name, rate in choice.rates.routes.items())
            found.append(f"{_rates(choice)} with {listed}")
        for bill in choice.bills:
            found += [f"{_rates(choice)}, {bill.plan}: {each}" for each in _events(bill)]
    return [Text(each) for each in dict.fromkeys(found)]


def _events(bill: Bill) -> list[str]:
    said = [
        f"{line.category} beyond what is included from day {line.runs_out_day:.0f} on"
        for line in bill.lines
        if line.runs_out_day is not None and line.included
    ]
    if bill.capped_day is not None and any(line.dropped for line in bill.lines):
        dropped = ", ".join(f"{line.dropped:,.0f} {line.category}" for line in bill.lines if line.dropped)
        said.append(f"the budget is first spent on day {bill.capped_day:.0f}; {dropped} are dropped in that month")
    return said


def _watched(choices: tuple[Choice, ...], column: int) -> Table:
    table = Table(title=choices[0].watched[column].monitor, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    fires = [f"in {minutes} min" for minutes in HORIZONS]
    for name in ("traces", "window", "needed", *fires, "median", "p95", "false", "surely seen"):
        table.add_column(name, justify="right", no_wrap=True)
    for choice in choices:
        table.add_row(_rates(choice), *_cells(choice.watched[column]))
    return table


def _cells(watched: Watched) -> list[str]:
    found = watched.power
    if found is None:
        return ["0", "-", *(["0%"] * len(HORIZONS)), "never", "never", "0", "nothing"]
    fires = [f"{each:.0%}" for each in found.within]
    needed = "-" if found.needed is None else f"{found.needed:,.0f}"
    seen = "nothing" if found.detectable is None else DETECTS[found.kind].format(found.detectable)
    times = [show_minutes(found.median), show_minutes(found.p95)]
    return [f"{found.requests_per_window:,.1f}", needed, *fires, *times, number(found.false_pages_per_month), seen]


def show_minutes(span: timedelta | None) -> str:
    """A time to fire, or that it is beyond the last horizon."""
    return f"> {HORIZONS[-1]} min" if span is None else f"{span / MINUTE:g} min"


def show_totals(bills: Iterable[Bill], currency: str) -> Table:
    """What a month costs in each plan, one line each."""
    table = Table(title="the bill of a month", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("plan", currency, "base", "95 % interval", "most of the rest"):
        table.add_column(name, justify="right" if name != "plan" else "left", no_wrap=True)
    for bill in bills:
        over = max(bill.lines, key=lambda line: line.price, default=None)
        most = "nothing" if over is None or not over.price else f"{over.category} {over.price:.2f}"
        table.add_row(bill.plan, f"{bill.total:.2f}", f"{bill.base:.2f}", f"{bill.low:.2f} to {bill.high:.2f}", most)
    return table


def show_bill(bill: Bill, currency: str) -> RenderableType:
    """One plan's bill by category, those with any use."""
    table = Table(
        title=f"{bill.plan}: {bill.total:.2f} {currency} a month, of which {bill.base:.2f} base;"
        f" 95 of 100 months {bill.low:.2f} to {bill.high:.2f}",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in ("category", "used", "included", "over", currency, "95 % interval", "runs out", "dropped"):
        table.add_column(name, justify="left" if name == "category" else "right")
    for line in bill.lines:
        if line.used:
            table.add_row(line.category, *_bill_cells(line))
    return Fitting(table)


def _bill_cells(line: Line) -> list[str]:
    day = "-" if line.runs_out_day is None else f"day {line.runs_out_day:.1f}"
    interval = f"{line.low:.2f} to {line.high:.2f}"
    amounts = [_amount(each) for each in (line.used, line.included, line.over)]
    return [*amounts, f"{line.price:.2f}", interval, day, _amount(line.dropped) if line.dropped else "-"]


def _amount(volume: Decimal) -> str:
    return f"{volume:,.0f}" if volume >= 100 or volume == volume.to_integral_value() else f"{volume:.2f}"


def show_volumes(volumes: tuple[Billed, ...]) -> RenderableType:
    """Billed volume by endpoint, and by the commonest names of its spans; these wrap before a number is cut."""
    total = sum(each.spans for each in volumes if not each.span_name) or 1.0
    table = Table(title="billed in a month", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("endpoint, and names of its spans")
    for name in ("spans", "of all", "errors"):
        table.add_column(name, justify="right", no_wrap=True)
    seen = 0
    for each in volumes:
        seen = seen + 1 if each.span_name else 0
        if seen <= MOST_NAMES:
            shown: RenderableType = (
                Padding(each.span_name[:MOST_CHARS], (0, 0, 0, 2)) if each.span_name else each.endpoint
            )
            errors = "" if each.span_name else f"{each.errors:,.0f}"
            table.add_row(shown, f"{each.spans:,.0f}", f"{each.spans / total:.0%}", errors)
    return table
