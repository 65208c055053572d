"""`rehearse whatif`: sample rates side by side, what they cost and what they page."""

import json
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from monitors.load import load_rules
from monitors.model import Monitor
from rehearsal.breach import share_limit
from rehearsal.clock import now
from rehearsal.cost.assume import REFERENCE, load_endpoints
from rehearsal.cost.book import CURRENT, load_book
from rehearsal.cost.power import HORIZONS, MINUTE, MONTH
from rehearsal.cost.prices import PriceBook
from rehearsal.cost.whatif import Choice, Question, Watched, compare_rates
from rehearsal.cost.workload import Rates
from rehearsal.errors import UsageError
from rehearsal.options import JSON, RULES, TRAFFIC
from rehearsal.reports.jsonfile import convert
from rehearsal.settings import parse_traffic

PLANS: Final = ("team", "business")
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


def parse_rates(text: str) -> tuple[float, ...]:
    """`0.1,0.25,1.0` as rates. Raises UsageError for anything else."""
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError:
        raise UsageError(f"rates {text!r}: write for example 0.1,0.25,1.0") from None


def parse_routes(given: tuple[str, ...]) -> dict[str, float]:
    """`causal/validate=0.05` as endpoint and rate. Raises UsageError for anything else."""
    routes = {}
    for text in given:
        name, _, rate = text.partition("=")
        try:
            routes[name] = float(rate)
        except ValueError:
            raise UsageError(f"endpoint {text!r}: write for example causal/validate=0.05") from None
    return routes


@click.command()
@TRAFFIC
@click.option("--traces", default="0.1,0.25,0.5,1.0", show_default=True, help="Traces sample rates to compare.")
@click.option("--endpoint", "routes", multiple=True, metavar="NAME=RATE", help="Rate of one route; may be repeated.")
@click.option("--profiles", default=0.0, show_default=True, help="Share of the SAMPLED requests that is profiled.")
@click.option("--plan", "plans", multiple=True, default=PLANS, show_default=True, help="Plan of the price book.")
@click.option("--cap", type=click.FloatRange(min=0), help="Pay-as-you-go budget a month.")
@click.option("--healthy", default=0.01, show_default=True, help="Share of bad requests when all is well.")
@click.option("--degraded", default=0.10, show_default=True, help="Share of bad requests to be seen.")
@click.option("--assume", type=FILE, default=REFERENCE, help="What each endpoint emits.")
@click.option("--prices", type=FILE, default=CURRENT, help="Another price book.")
@RULES
@JSON
def whatif(*, traffic: str, traces: str, routes: tuple[str, ...], is_json: bool, **chosen: Any) -> None:
    """Compare sample rates: what a month costs, and how surely the monitors fire."""
    book = load_book(chosen["prices"])
    if warning := book.warning(now().date()):
        click.echo(f"rehearse: {warning}", err=True)
    named = parse_routes(routes)
    question = _question(book, parse_traffic(traffic), chosen)
    choices = compare_rates(question, [Rates(rate, named, chosen["profiles"]) for rate in parse_rates(traces)])
    if is_json:
        answer = {"prices": book.file, "as_of": book.as_of.isoformat(), "choices": [asdict(each) for each in choices]}
        click.echo(json.dumps(answer, default=_convert, indent=2))
        return
    console = Console(highlight=False)
    console.print(_bills(choices, book.currency))
    for number in range(len(question.monitors)):
        console.print(_watched(choices, number))
    console.print(
        f"A step from {question.healthy:.1%} to {question.degraded:.1%} bad requests: how surely each monitor fires in"
        " time, and how soon.\nfalse: pages a month with nothing wrong. window: sampled requests in one (unequal rates:"
        f" as many equal\nones as tell the same). Prices of {book.as_of} ({book.file}).",
        soft_wrap=True,
    )
    for each in _left_out(chosen["rules"], question):
        click.echo(f"Not computed: {each.name}, since {each.aggregate} is no share of requests.", err=True)


def _left_out(rules: Path, question: Question) -> list[Monitor]:
    return [each for each in load_rules(rules).monitors if each not in question.monitors]


def _question(book: PriceBook, per_second: float, chosen: dict[str, Any]) -> Question:
    monitors = load_rules(chosen["rules"]).monitors
    return Question(
        requests=per_second * MONTH.total_seconds(),
        endpoints=load_endpoints(chosen["assume"]),
        plans=tuple(map(book.plan, chosen["plans"])),
        monitors=tuple(each for each in monitors if 0 < (share_limit(each) or 0) < 1),
        healthy=chosen["healthy"],
        degraded=chosen["degraded"],
        cap=None if chosen["cap"] is None else Decimal(str(chosen["cap"])),
    )


def _bills(choices: tuple[Choice, ...], currency: str) -> Table:
    table = Table(title=f"{currency} a month", title_justify="left", box=SIMPLE_HEAD)
    for name in ("traces", *(bill.plan for bill in choices[0].bills)):
        table.add_column(name, justify="right")
    for choice in choices:
        table.add_row(f"{choice.rates.traces:g}", *(f"{bill.total:.2f}" for bill in choice.bills))
    return table


def _watched(choices: tuple[Choice, ...], number: int) -> Table:
    table = Table(title=choices[0].watched[number].monitor, title_justify="left", box=SIMPLE_HEAD)
    fires = [f"in {minutes} min" for minutes in HORIZONS]
    for name in ("traces", "window", *fires, "median", "p95", "false"):
        table.add_column(name, justify="right", no_wrap=True)
    for choice in choices:
        table.add_row(f"{choice.rates.traces:g}", *_cells(choice.watched[number]))
    return table


def _cells(watched: Watched) -> list[str]:
    found = watched.power
    if found is None:
        return ["0", *(["0%"] * len(HORIZONS)), "never", "never", "0"]
    fires = [f"{each:.0%}" for each in found.within]
    falsely = f"{found.false_pages_per_month:,.0f}"
    return [f"{found.requests_per_window:.1f}", *fires, _show(found.median), _show(found.p95), falsely]


def _show(span: timedelta | None) -> str:
    return f"> {HORIZONS[-1]} min" if span is None else f"{span / MINUTE:g} min"


def _convert(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else convert(value)
