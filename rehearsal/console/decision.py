"""The decision: sample rates against what a month costs and what each alert is worth, by the code of `rehearse whatif`.

Path: 1 the address says what is asked, 2 the service is declared or measured, 3 the rates of the sliders are answered,
4 so is a grid of rates, for the recommendation, beside the page: it is there when the page is asked again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import cycle, islice
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from embedded.pages.access import Visit
from embedded.pages.charts import Band, Chart, Curve, curves
from embedded.pages.extension import Section
from embedded.pages.formats import show_number, show_percent
from embedded.pages.frame import Ask, Scope, find_scope, render
from monitors.errors import RulesError
from monitors.load import load_rules
from monitors.model import Monitor
from rehearsal.console.later import Later
from rehearsal.console.measured import MIN_STORED, Measured
from rehearsal.console.snapshots import Snapshots
from rehearsal.console.sources import Sources
from rehearsal.console.sweep import PROMISE, WITHIN, Sweep, count_keeping, keeps, sweep
from rehearsal.console.wish import FULL, HEALTHY, ROUTE, TRAFFIC, Wish, read_wish
from rehearsal.cost.assume import load_assumptions
from rehearsal.cost.book import load_book
from rehearsal.cost.budget import Budget
from rehearsal.cost.power import HORIZONS, MONTH
from rehearsal.cost.prices import PriceBook
from rehearsal.cost.whatif import SECONDS_PER_MONTH, Question, compare_rates, without_unknown
from rehearsal.cost.workload import Rates
from rehearsal.errors import UsageError
from rehearsal.reports.advice import environment_lines, sampler_lines
from rehearsal.reports.cost_tables import number
from rehearsal.settings import parse_traffic

PATH: Final = "/decision/"
PLANS: Final = ("team", "business")
COLOURS: Final = ("p50", "p95", "p99")  # of curves, in turn
INVALID: Final = 400


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart over the grid of rates."""

    title: str
    unit: str
    chart: Chart
    top: str
    legend: tuple[tuple[str, str], ...]


def decision_section(sources: Sources) -> Section:
    """The page, for the navigation."""
    router, later = APIRouter(), Later(sweep)
    with suppress(UsageError, RulesError):  # the page will say what is wrong
        later.ask(_question(sources, _book(sources.prices), read_wish({}), None)[0])  # what a visitor asks first
    router.add_api_route(PATH, partial(decision, sources, later, Snapshots()))
    return Section(PATH, "Decision", router)


def decision(
    sources: Sources,
    later: Later[Question, Sweep],
    snapshots: Snapshots,
    request: Request,
    context: Visit,
    asked: Ask,
) -> Response:
    """What the rates in the address cost and page."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return RedirectResponse("/", 303)
    stored, measured = snapshots.of(context.read(), scope)
    try:
        wish = read_wish(request.query_params)  # 1
        answer = _answer(sources, later, wish, measured)
    except (UsageError, RulesError) as error:
        wish, problem = read_wish({}), str(error)
        answer = _answer(sources, later, wish, measured) | {"problem": problem}
    return render(
        request,
        "decision.html.jinja",
        status=INVALID if answer["problem"] else 200,
        scope=scope,
        wish=wish,
        measured=measured,
        stored=stored,
        min_stored=MIN_STORED,
        **answer,
    )


def _answer(
    sources: Sources, later: Later[Question, Sweep], wish: Wish, measured: Measured | None
) -> dict[str, object]:
    book = _book(sources.prices)
    question, left_out = _question(sources, book, wish, measured)  # 2
    [choice] = compare_rates(question, [wish.rates])  # 3
    swept = later.ask(question)  # 4
    return {
        "problem": None,
        "book": book,
        "question": question,
        "choice": choice,
        "keeps": keeps,
        "count_keeping": count_keeping,
        "count": number,
        "swept": swept,
        "pasted": (environment_lines(swept.advice, question), sampler_lines(swept.advice, question)) if swept else (),
        "charts": _charts(swept, book.currency) if swept else [],
        "horizons": HORIZONS,
        "promise": PROMISE,
        "within": WITHIN,
        "left_out": left_out,
        "full": FULL,
        "route": ROUTE,
        "default_traffic": TRAFFIC,
        "address": partial(_address, wish),
    }


def _question(
    sources: Sources, book: PriceBook, wish: Wish, measured: Measured | None
) -> tuple[Question, tuple[str, ...]]:
    """Return what is asked, and why some monitors are left out of it.

    Raises UsageError when the service is to be measured, and too little is stored.
    """
    service = _declared() if wish.basis == "declared" else measured
    if service is None:
        raise UsageError(f"too few requests are stored to measure the service, {MIN_STORED} are needed")
    per_second = parse_traffic(wish.traffic) if wish.traffic else service.per_second
    question = Question(
        requests=per_second * SECONDS_PER_MONTH,
        endpoints=service.endpoints,
        plans=tuple(map(book.plan, PLANS)),
        monitors=_monitors(sources.rules),
        healthy=service.failed if wish.healthy is None else wish.healthy,
        degraded=wish.degraded,
        times=wish.times,
        budget=None if wish.cap is None else Budget(wish.cap),
        beside=service.beside,
    )
    known, left_out = without_unknown(question)
    return replace(question, monitors=known), left_out


@cache
def _declared() -> Measured:
    """The reference service with the guide's traffic, as `rehearse whatif` takes it without options."""
    assumed = load_assumptions()
    return Measured(assumed.endpoints, parse_traffic(TRAFFIC), HEALTHY / FULL, 0, MONTH, assumed.beside)


@cache
def _book(file: Path) -> PriceBook:
    return load_book(file)


@cache
def _monitors(folder: Path) -> tuple[Monitor, ...]:
    return tuple(each for each in load_rules(folder).monitors if each.enabled)


def _address(wish: Wish, scope: Scope, rates: Rates) -> str:
    """The page with these rates, and the rest as it is."""
    fields = {
        "project": scope.project.slug,
        "period": scope.period,
        "basis": wish.basis,
        "traffic": wish.traffic,
        "healthy": "" if wish.healthy is None else f"{wish.healthy * FULL:g}",
        "degraded": f"{wish.degraded * FULL:g}",
        "times": f"{wish.times:g}",
        "budget": "" if wish.cap is None else str(wish.cap),
        "traces": f"{rates.traces * FULL:g}",
        **{f"{ROUTE}{name}": f"{rate * FULL:g}" for name, rate in rates.routes.items()},
    }
    return f"{PATH}?{urlencode({name: value for name, value in fields.items() if value})}"


def _charts(swept: Sweep, currency: str) -> list[Drawn]:
    """Cost, power and false pages over the grid."""
    first = swept.choices[0]
    powers = [[each.watched[number].power for each in swept.choices] for number in range(len(first.watched))]
    costs = [[float(each.bills[number].total) for each in swept.choices] for number in range(len(first.bills))]
    surely = [[each.within[WITHIN] if each else 0.0 for each in found] for found in powers]
    falsely = [[each.false_pages_per_month if each else 0.0 for each in found] for found in powers]
    plans, monitors = [each.plan for each in first.bills], [each.monitor for each in first.watched]
    return [
        _drawn(swept, "Monthly cost", currency, plans, costs, lambda value: f"{value:,.2f} {currency}"),
        _drawn(swept, f"Fires within {PROMISE.within} min", "chance", monitors, surely, show_percent, top=1.0),
        _drawn(swept, "False pages", "a month", monitors, falsely, show_number),
    ]


def _drawn(
    swept: Sweep,
    title: str,
    unit: str,
    names: list[str],
    lines: list[list[float]],
    show: Callable[[float], str],
    top: float | None = None,
) -> Drawn:
    rates = [each.rates.traces for each in swept.choices]
    titles = [
        f"{show_percent(rate)} sampled: "
        + ", ".join(f"{name} {show(line[number])}" for name, line in zip(names, lines, strict=True))
        for number, rate in enumerate(rates)
    ]
    colours = list(islice(cycle(COLOURS), len(names)))
    found = [Curve(colour, line) for colour, line in zip(colours, lines, strict=True)]
    drawn = curves(found, titles, f"{title} by sample rate", bands=_kept(swept), top=top)
    return Drawn(title, unit, drawn, show(drawn.top), tuple(zip(colours, names, strict=True)))


def _kept(swept: Sweep) -> list[Band]:
    """Where every monitor keeps its promise."""
    steps = len(swept.choices)
    return [
        Band(
            "chosen", number / steps, (number + 1) / steps, f"{show_percent(each.rates.traces)}: all promises are kept"
        )
        for number, each in enumerate(swept.choices)
        if each.watched and count_keeping(each) == len(each.watched)
    ]
