"""`rehearse whatif`, `cost` and `recommend`: what sample rates cost and what they page."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any, Final

import click

from monitors.errors import RulesError
from monitors.load import load_rules
from monitors.model import Monitor
from rehearsal.clock import now
from rehearsal.cost.assume import REFERENCE, Assumptions, load_assumptions
from rehearsal.cost.bill import Bill, make_bill
from rehearsal.cost.book import CURRENT, load_book
from rehearsal.cost.budget import parse_budget
from rehearsal.cost.prices import PriceBook
from rehearsal.cost.recommend import Promise, recommend_rates
from rehearsal.cost.recorded import as_yaml, last_run, load_run
from rehearsal.cost.watched import Step, new_issue_pages
from rehearsal.cost.whatif import SECONDS_PER_MONTH, Question, compare_rates, without_unknown
from rehearsal.cost.workload import Rates, billed, volumes
from rehearsal.errors import UsageError
from rehearsal.options import JSON, RULES, TRAFFIC, VAR
from rehearsal.reports.advice import show_advice
from rehearsal.reports.cost_tables import Shown, bill_footer, show_bill, show_choices, show_volumes
from rehearsal.reports.guide import guide_document
from rehearsal.reports.jsonfile import convert
from rehearsal.reports.terminal import report_console
from rehearsal.settings import parse_count, parse_traffic

PLANS: Final = ("team", "business")
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
RUN: Final = click.Path(exists=True, path_type=Path)
Command = Callable[..., Any]
# In the order in which `--help` lists them.
SHARED: Final = (
    TRAFFIC,
    click.option("--profiles", default=0.0, show_default=True, help="Share of the SAMPLED requests that is profiled."),
    click.option("--plan", "plans", multiple=True, default=PLANS, show_default=True, help="Plan of the price book."),
    click.option("--healthy", default=0.01, show_default=True, help="Share of bad requests when all is well."),
    click.option("--degraded", default=0.10, show_default=True, help="Share of bad requests to be seen."),
    click.option("--times", default=3.0, show_default=True, help="Durations or traffic to be seen, times the usual."),
    click.option("--run", type=RUN, help="A recorded run: its folder or report.json. What each endpoint emits is its."),
    click.option("--assume", type=FILE, help="A file of what each endpoint emits. Unset, like --run: the reference's."),
    click.option("--prices", type=FILE, default=CURRENT, help="Another price book."),
    RULES,
    JSON,
)


CAP: Final = click.option("--cap", type=float, help="Pay-as-you-go budget a month.")
CHANGES: Final = click.option(
    "--cap-change",
    "changes",
    multiple=True,
    metavar="DAY=AMOUNT",
    help="The budget from a day (0 to 29) on; may be repeated.",
)


def _shared(command: Command) -> Command:
    return reduce(lambda found, option: option(found), reversed(SHARED), command)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the shared options say, read."""

    book: PriceBook
    assumptions: Assumptions
    question: Question
    unknown: tuple[str, ...]  # why some monitors are left out


@click.command()
@_shared
@click.option("--traces", default="0.1,0.25,0.5,1.0", show_default=True, help="Traces sample rates to compare.")
@click.option("--endpoint", "routes", multiple=True, metavar="NAME=RATE", help="Rate of one route; may be repeated.")
@CAP
@CHANGES
@click.option("--details", is_flag=True, help="All times and the requests needed of each monitor, too.")
@click.option("--save-assumptions", "kept", type=click.Path(dir_okay=False, path_type=Path), help="Write them there.")
def whatif(
    *, traces: str, routes: tuple[str, ...], details: bool, kept: Path | None, is_json: bool, **chosen: Any
) -> None:
    """Compare sample rates: what a month costs, and how surely the monitors fire."""
    setting = _read(chosen)
    if kept:
        kept.write_text(as_yaml(setting.assumptions, now().date()), encoding="utf-8")
        click.echo(f"rehearse: assumptions written to {kept}", err=True)
    named = parse_routes(routes)
    choices = compare_rates(setting.question, [Rates(rate, named, chosen["profiles"]) for rate in parse_rates(traces)])
    if is_json:
        _print_json(setting, choices=[asdict(each) for each in choices])
        return
    console = report_console()
    console.print(show_choices(choices, Shown.of(setting.book, setting.assumptions, setting.question), details=details))
    for each in setting.unknown:
        click.echo(f"Not computed: {each}", err=True)


@click.command()
@_shared
@click.option("--traces", default=1.0, show_default=True, help="Traces sample rate.")
@click.option("--endpoint", "routes", multiple=True, metavar="NAME=RATE", help="Rate of one route; may be repeated.")
@CAP
@CHANGES
@VAR
def cost(*, traces: float, routes: tuple[str, ...], var: Path, is_json: bool, **chosen: Any) -> None:
    """Show the bill of a month, by category, endpoint and span name; of the last run unless told otherwise."""
    if not chosen["run"] and not chosen["assume"]:
        chosen["run"] = last_run(var / "runs")
    setting = _read(chosen)
    question, rates = setting.question, Rates(traces, parse_routes(routes), chosen["profiles"])
    bills = _bills(question, rates)
    volume = billed(question.requests, question.endpoints, rates)
    if is_json:
        _print_json(setting, bills=[asdict(each) for each in bills], volumes=[asdict(each) for each in volume])
        return
    console = report_console()
    for bill in bills:
        console.print(show_bill(bill, setting.book.currency))
    console.print(show_volumes(volume))
    least_errors = question.healthy if chosen["run"] else None
    console.print(bill_footer(setting.book, setting.assumptions, question.requests, least_errors), soft_wrap=True)


def _bills(question: Question, rates: Rates) -> tuple[Bill, ...]:
    metered = volumes(question.requests, question.endpoints, rates, question.beside)
    return tuple(make_bill(plan, metered, question.budget) for plan in question.plans)


@click.command()
@_shared
@click.option("--max-false-pages", default="1/month", show_default=True, help="Of each monitor, with nothing wrong.")
@click.option("--power", default=0.95, show_default=True, help="Probability to page in time.")
@click.option("--within", default=15, show_default=True, type=click.Choice(["5", "15", "60"]), help="Minutes.")
@click.option("--budget", default=50.0, show_default=True, help="A month, all of it.")
def recommend(*, max_false_pages: str, power: float, within: str, budget: float, is_json: bool, **chosen: Any) -> None:
    """Find the cheapest sample rates with which every monitor keeps its promise, and say what binds."""
    setting = _read(chosen | {"cap": None, "changes": ()})
    promise = Promise(
        false_pages=parse_count(max_false_pages), power=power, within=int(within), budget=_money("budget", budget)
    )
    advice = recommend_rates(setting.question, promise, chosen["profiles"])
    if is_json:
        _print_json(setting, advice=asdict(advice))
        return
    shown = Shown.of(setting.book, setting.assumptions, setting.question)
    report_console().print(show_advice(advice, promise, setting.question, shown), soft_wrap=True)
    for each in setting.unknown:
        click.echo(f"Not computed: {each}", err=True)


@click.command("sampling-guide")
def sampling_guide() -> None:
    """Print docs/sampling.md: the guide's rates and its cost example, run through this."""
    click.echo(guide_document(), nl=False)


def _read(chosen: dict[str, Any]) -> Setting:
    """Read book, assumptions and rules. Raises UsageError; says on stderr what is to be known of them."""
    book = load_book(chosen["prices"])
    if warning := book.warning(now().date()):
        click.echo(f"rehearse: {warning}", err=True)
    if chosen["run"] and chosen["assume"]:
        raise UsageError("--run and --assume: give one of them")
    step = Step(chosen["healthy"], chosen["degraded"], chosen["times"])
    assumptions = (
        load_run(chosen["run"], step.healthy) if chosen["run"] else load_assumptions(chosen["assume"] or REFERENCE)
    )
    asked = Question(
        requests=parse_traffic(chosen["traffic"]) * SECONDS_PER_MONTH,
        endpoints=assumptions.endpoints,
        plans=tuple(map(book.plan, chosen["plans"])),
        monitors=_rules(chosen["rules"]),
        healthy=step.healthy,
        degraded=step.degraded,
        times=step.times,
        budget=parse_budget(_money("cap", chosen["cap"]), chosen["changes"]),
        beside=assumptions.beside,
    )
    known, unknown = without_unknown(asked)
    return Setting(book, assumptions, replace(asked, monitors=known), unknown)


def _rules(folder: Path) -> tuple[Monitor, ...]:
    try:
        return tuple(each for each in load_rules(folder).monitors if each.enabled)
    except RulesError as error:
        raise UsageError(str(error)) from None


def _money(what: str, amount: float | None) -> Decimal | None:
    if amount is not None and not 0 <= amount < float("inf"):
        raise UsageError(f"{what} is {amount:g}, allowed is an amount from 0 on")
    return None if amount is None else Decimal(str(amount))


def _print_json(setting: Setting, **found: Any) -> None:
    about = {
        "prices": {
            "file": setting.book.file,
            "as_of": setting.book.as_of.isoformat(),
            "currency": setting.book.currency,
        },
        "assumptions": {"where": setting.assumptions.where, "as_of": setting.assumptions.as_of.isoformat()},
        "new_error_pages": new_issue_pages(1.0),
        "not_computed": setting.unknown,
    }
    click.echo(json.dumps(about | found, default=_convert, indent=2, allow_nan=False))


def _convert(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else convert(value)


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
