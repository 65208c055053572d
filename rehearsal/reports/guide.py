"""docs/sampling.md: the guide's table of rates and its cost example, run through the code of `rehearse whatif`.

Every number of the document is computed here, from the assumptions, price books and rules of this project, so that the
document is as true as they are. `rehearse sampling-guide` prints it; a test holds the file to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from monitors.load import RULES_DIRECTORY, load_rules
from rehearsal.cost.assume import Assumptions, load_assumptions
from rehearsal.cost.bill import Bill, make_bill
from rehearsal.cost.book import GUIDE, load_book
from rehearsal.cost.power import HORIZONS, requests_needed
from rehearsal.cost.prices import PriceBook
from rehearsal.cost.recommend import Advice, Promise, recommend_rates
from rehearsal.cost.whatif import SECONDS_PER_MONTH, Choice, Question, compare_rates
from rehearsal.cost.workload import Rates, Volume, volumes
from rehearsal.reports.advice import environment_lines
from rehearsal.reports.cost_tables import number

MILLION: Final = 1e6  # the guide's requests a month
BUSY: Final = 20 * SECONDS_PER_MONTH  # 20 requests a second
COMPARED: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
GUIDE_LIMIT: Final = 0.05  # of its error rate
WITHIN: Final = HORIZONS.index(15)
PLANS: Final = ("team", "business")
PROMISE: Final = Promise(false_pages=1, power=0.95, within=15, budget=Decimal(50))
RICH: Final = replace(PROMISE, budget=None)
# The guide's: errors, transactions and profiles a month, with its prices.
CLAIMED: Final = (Volume("errors", 10_000, 0), Volume("transactions", 100_000, 0), Volume("profiles", 50_000, 0))


@dataclass(frozen=True, slots=True)
class Advised:
    """A row of the guide's table."""

    environment: str
    traces: float
    profiles: float


TABLE: Final = (Advised("development", 1.0, 1.0), Advised("staging", 0.5, 0.3), Advised("production", 0.1, 0.05))


def guide_document() -> str:
    """Return the document as Markdown."""
    book, assumptions = load_book(), load_assumptions()
    asked = _question(book, assumptions, MILLION)
    busy = _question(book, assumptions, BUSY)
    parts = [
        _opening(book, assumptions),
        _by_environment(asked),
        _example(book, assumptions),
        _side_by_side(asked, busy),
        _recommended("A million requests a month", asked, recommend_rates(asked, PROMISE)),
        _recommended("20 requests a second", busy, recommend_rates(busy, RICH)),
        _when(assumptions, book),
    ]
    return "\n\n".join(parts) + "\n"


def _question(book: PriceBook, assumptions: Assumptions, requests: float) -> Question:
    return Question(
        requests=requests,
        endpoints=assumptions.endpoints,
        plans=tuple(map(book.plan, PLANS)),
        monitors=load_rules(RULES_DIRECTORY).monitors,
        healthy=0.01,
        degraded=0.10,
        beside=assumptions.beside,
    )


def _opening(book: PriceBook, assumptions: Assumptions) -> str:
    return f"""# Sample rates: what the guide's cost, what they page, what we recommend

<!-- Written by `rehearse sampling-guide`, which computes every number; a test holds this file to it. Not by hand. -->

The set-up guide names sample rates by environment and an example of what they cost. Here both are run through
`rehearse whatif`: prices of {book.as_of} (`rehearsal/prices/{book.file}`), what the reference service emits as
measured ({assumptions.where}, {_spans(assumptions):.1f} spans per sampled request), the monitors of `monitors/rules`.
*In time* is the probability that a monitor pages within 15 minutes of a step from 1 % to 10 % bad requests, *false* its
pages a month with nothing wrong, *window* the sampled requests in one. Traffic is even over the day in the model; real
traffic pages more at night."""


def _spans(assumptions: Assumptions) -> float:
    return sum(each.share * each.spans for each in assumptions.endpoints)


def _by_environment(asked: Question) -> str:
    rates = [Rates(each.traces, profiles=each.profiles) for each in TABLE]
    rows = [
        [each.environment, f"{each.traces:g}", f"{each.profiles:g}", *_prices(choice), *_powers(choice)]
        for each, choice in zip(TABLE, compare_rates(asked, rates), strict=True)
    ]
    names = [each.name for each in asked.monitors]
    heads = ["guide", "traces", "profiles", *(f"{plan}, USD" for plan in PLANS), *_power_heads(names)]
    text = """## The guide's rates at a million requests a month

{table}

Production's 10 % costs what 100 % costs, and makes the error rate an alarm that cries wolf: at {window:.0f} sampled
requests in its window one failure is {one:.0%}, over the threshold of 5 %. A monitor that pages {false} times a month
with nothing wrong is soon muted. The profiles' rate is relative to the sampled requests, so 0.05 profiles half a
percent of all; and the service's profiler is the continuous one, for which the SDK draws once per process: a worker
profiles all of its sampled requests, or none."""
    production = compare_rates(asked, rates[-1:])[0].watched[0].power
    assert production is not None  # noqa: S101 - a rate above zero is seen
    return text.format(
        table=_table(heads, rows),
        window=production.requests_per_window,
        one=1 / production.requests_per_window,
        false=number(production.false_pages_per_month),
    )


def _example(book: PriceBook, assumptions: Assumptions) -> str:
    claimed = make_bill(load_book(GUIDE).plan("guide"), CLAIMED)
    rates = Rates(0.1, profiles=0.05)
    metered = volumes(MILLION, assumptions.endpoints, rates, assumptions.beside)
    profiles = next(each.mean for each in metered if each.category == "profiles")
    hours = next(each.mean for each in metered if each.category == "profile_hours")
    bills = [make_bill(book.plan(plan), metered) for plan in PLANS]
    whole = [make_bill(book.plan(plan), volumes(MILLION, assumptions.endpoints, Rates(1.0))) for plan in PLANS]
    billed_today = f"{profiles:,.0f}, {hours:.3f} hours"
    base = "no unit of plans from June 2024 on; 29 is Team's base by the month"
    rows = [
        ["errors", "10,000, 26 USD", "10,000 of 50,000 included", "26 is the whole base of Team, for every category"],
        ["transactions", "100,000, 29 USD", "not billed; spans are", base],
        ["profiles", "50,000, 15 USD", billed_today, "ten times too many, and billed by the hour"],
        ["**a month**", f"**{claimed.total} USD**", f"**{_totals(bills)}**", f"at rates of 1.0: {_totals(whole)}"],
    ]
    return f"""## The guide's example of costs

Its "about $70" is the sum of a price list that Sentry never had (`rehearsal/prices/guide.yml`). Its workload today:

{_table(["", "the guide", "today", "why"], rows)}"""


def _totals(bills: list[Bill]) -> str:
    return ", ".join(f"{bill.plan} {bill.total:.2f}" for bill in bills)


def _side_by_side(asked: Question, busy: Question) -> str:
    rows = [
        [title, f"{choice.rates.traces:g}", *_prices(choice), *_powers(choice)]
        for title, question in (("1M a month", asked), ("20 a second", busy))
        for choice in compare_rates(question, map(Rates, COMPARED))
    ]
    needed = requests_needed(asked.healthy, asked.degraded, GUIDE_LIMIT)
    heads = ["traffic", "traces", *(f"{plan}, USD" for plan in PLANS), *_power_heads([m.name for m in asked.monitors])]
    return f"""## What other rates do

{_table(heads, rows)}

What counts is the number of sampled requests in a window: about {needed:.0f} tell 1 % from 10 %. At a million requests
a month that is nearly every one of five minutes ({asked.per_second * 300:.0f}), at 20 a second one in
{busy.per_second * 300 / needed:.0f}. A month has 43,200 evaluations, though, so to be quiet for a month takes more."""


def _recommended(title: str, question: Question, advice: Advice) -> str:
    lines = [f"## {title}: what we recommend instead", "", *_advice(question, advice)]
    return "\n".join(lines)


def _advice(question: Question, advice: Advice) -> Iterator[str]:
    yield "```"
    yield environment_lines(advice, question)
    yield "```"
    yield ""
    yield (
        f"{advice.bill.total:.2f} USD a month ({advice.bill.plan}); at rates of 1.0 it is {advice.full_price:.2f}. With"
        f" promises of {PROMISE.power:g} within {PROMISE.within} minutes and {PROMISE.false_pages:g} false a month:"
    )
    yield ""
    for each in advice.watched:
        if each.power is not None:
            false = number(each.power.false_pages_per_month)
            yield f"- {each.monitor} fires in time with {each.power.within[WITHIN]:.2f}, {false} false pages a month."
    for hopeless in advice.hopeless:
        changes = "; or ".join(f"`{found.change}`" for found in hopeless.alternatives)
        yield f"- {hopeless.monitor} cannot keep that by any rate: at 1.0 it {' and '.join(hopeless.broken)}."
        yield f"  Taken above is the first of: {changes}."
    yield from (f"- {sentence}" for sentence in advice.binds)


def _when(assumptions: Assumptions, book: PriceBook) -> str:
    spans = next(rate.included for rate in book.plan("team").rates if rate.category == "spans")
    free = float(spans) / _spans(assumptions)
    return f"""## When to sample less

Up to {free:,.0f} requests a month this service can trace every request: {spans:,.0f} spans are included. Beyond,
lower the rates of the routes with the most spans first, and watch the sampled requests in the shortest window. Do
not sample errors: a count of them is compared with a threshold as it is, and a new error must page at its first event.
`make recommend` finds the rates for other traffic, `make cost` shows which route and span the volume comes from."""


def _prices(choice: Choice) -> list[str]:
    return [f"{bill.total:.2f}" for bill in choice.bills]


def _powers(choice: Choice) -> list[str]:
    cells = []
    for each in choice.watched:
        found = each.power
        cells += ["0", "never", "0"] if found is None else [
            f"{found.requests_per_window:,.0f}", f"{found.within[WITHIN]:.0%}", number(found.false_pages_per_month)
        ]  # fmt: skip
    return cells


def _power_heads(names: list[str]) -> list[str]:
    return [head for name in names for head in (f"{name}: window", "in time", "false")]


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
