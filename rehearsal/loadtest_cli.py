"""`rehearse loadtest`: load to what `up` left running; ends with effective rates, the bill, and what the SDK costs."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from loadtest.ledger import Ledger
from loadtest.shapes import SHAPES
from monitors.client import SentryClient
from monitors.errors import MonitorsError
from rehearsal.after_load import FILE, Begun, Ending, end_load, take_stock
from rehearsal.answers import Answers, describe, sort_answers
from rehearsal.bringing_up import Target, find_target
from rehearsal.clock import now
from rehearsal.cost.bill import make_bill
from rehearsal.cost.book import load_book
from rehearsal.cost.recorded import load_run
from rehearsal.cost.whatif import SECONDS_PER_MONTH
from rehearsal.cost.workload import Rates, volumes
from rehearsal.errors import UsageError
from rehearsal.load import Load, run_load
from rehearsal.observe import Observation
from rehearsal.options import TRAFFIC, VAR
from rehearsal.overhead import load_span, measure_overhead, variants_of
from rehearsal.ports import HOST, hold_port
from rehearsal.provisioning import ORGANIZATION
from rehearsal.reports.cost_tables import show_totals
from rehearsal.reports.rates_table import show_overhead, show_rates
from rehearsal.reports.terminal import TerminalProgress, report_console
from rehearsal.settings import Options, parse_traffic

PAGE_PORT: Final = 8089  # preferred for Locust's page; the contract of docs/architecture.md
PLANS: Final = ("team", "business")
HEALTHY: Final = 0.01  # error events per request to bill where the load caused fewer: the guide's
OVERHEAD_RATE: Final = 20.0  # of the open load, at most: the figure is of a service with room to spare
FAILED, HELD = 1, 0


@click.command()
@click.option("--rate", type=click.FloatRange(0.01, 1000), default=20.0, show_default=True, help="Requests per second.")
@click.option("--seconds", type=click.IntRange(1, 86_400), default=60, show_default=True, help="How long.")
@click.option("--shape", type=click.Choice(list(SHAPES)), default="steady", show_default=True, help="Of the rate.")
@click.option("--processes", type=click.IntRange(1, 32), default=1, show_default=True, help="That send it.")
@click.option("--ui", "has_page", is_flag=True, help="Show Locust's own page, and go on until Ctrl-C.")
@TRAFFIC
@click.option(
    "--wait", type=click.IntRange(0, 300), default=70, show_default=True, help="Seconds for the SDK's counts."
)
@click.option("--overhead", "with_overhead", is_flag=True, help="Measure what the SDK costs, too: some minutes more.")
@click.option("--rounds", type=click.IntRange(2, 50), default=4, show_default=True, help="Of --overhead.")
@VAR
def loadtest(
    *,
    rate: float,
    seconds: int,
    shape: str,
    processes: int,
    has_page: bool,
    traffic: str,
    wait: int,
    with_overhead: bool,
    rounds: int,
    var: Path,
) -> None:
    """Send load to what `up` left running; ends with 1 if any answer was wrong. A 503 that sheds load is not.

    Then waits for the SDK, which reports what it did not send once a minute, and says which sample rates took effect,
    what a month of --traffic costs, and, with --overhead, what the SDK costs the service: services of their own
    (SDK off, at the configured rate, at 1.0) take turns under the same load.
    """
    target, requests = find_target(var), parse_traffic(traffic) * SECONDS_PER_MONTH
    page = hold_port(PAGE_PORT) if has_page else None
    if page:
        click.echo(f"Locust's page: http://{HOST}:{page.number}", err=True)
    span = timedelta(seconds=max(5, min(seconds, 10)))
    click.echo(_outlook(None if page else seconds, wait), err=True)
    if with_overhead:
        click.echo(_overhead_outlook(span, rounds, len(variants_of(target.configured.traces))), err=True)
    load = Load(rate, timedelta(seconds=seconds), shape, processes, page_port=page.number if page else None)
    before, since = _stock(target), now()
    code = run_load(target.url, target.key, load, target.ledger, target.file)
    answers = _sort(target, since)
    console = report_console()
    if before is not None:
        _show_ending(console, target, Begun(before, since, timedelta(seconds=wait)), requests)
    if with_overhead:
        options = Options(traces_sample_rate=target.configured.traces, plan=target.plan, var=var)
        with TerminalProgress(Console(stderr=True, highlight=False)) as progress:
            folder = var / "overhead" / f"{since:%Y%m%dT%H%M%S}"
            found = measure_overhead(options, folder, min(rate, OVERHEAD_RATE), span, rounds, progress)
        console.print(show_overhead(found, target.configured.traces))
    raise SystemExit(HELD if answers.is_well(code) else FAILED)


def _outlook(seconds: int | None, wait: int) -> str:
    """What will be done, and how long it takes."""
    said = f"rehearse: {seconds} s of load" if seconds else "rehearse: load until Ctrl-C"
    return said + f", then at most {wait} s until the SDK has reported what it did not send"


def _overhead_outlook(span: timedelta, rounds: int, variants: int) -> str:
    minutes = load_span(span, rounds, variants).total_seconds() / 60
    return (
        f"rehearse: then what the SDK costs: {variants} services take turns, {rounds} rounds, {minutes:.1f} min of load"
        " and about half a minute to start it all"
    )


def _sort(target: Target, since: datetime) -> Answers:
    """Sort the answers of the load, and say what is to know about them."""
    answers = sort_answers(each for each in Ledger(target.ledger).refresh() if each.sent_at >= since.timestamp())
    for line in describe(answers):
        click.echo(f"rehearse: {line}", err=True)
    return answers


def _stock(target: Target) -> Observation | None:
    """What Sentry has counted already; None, said on stderr, where it cannot be asked."""
    try:
        with _client(target) as client:
            return take_stock(client, target.project_id)
    except (MonitorsError, OSError) as error:
        click.echo(f"rehearse: no effective rates and no bill: {error}", err=True)
        return None


def _show_ending(console: Console, target: Target, begun: Begun, requests: float) -> None:
    try:
        with _client(target) as client, TerminalProgress(Console(stderr=True, highlight=False)) as progress:
            ending = end_load(client, target.project_id, target.configured, target.ledger, begun, progress)
    except MonitorsError as error:
        click.echo(f"rehearse: no effective rates and no bill: {error}", err=True)
        return
    console.print(show_rates(ending.rates))
    if not ending.is_reported:
        click.echo("rehearse: the SDK has not reported every request in time: reports and sessions are short", err=True)
    _show_bill(console, target, requests, ending)


def _show_bill(console: Console, target: Target, requests: float, ending: Ending) -> None:
    book, file = load_book(), target.ledger.with_name(FILE)
    try:
        assumptions = load_run(file, HEALTHY)
    except UsageError as error:
        click.echo(f"rehearse: no bill: {error}", err=True)
        return
    configured = target.configured
    routes = {each.name: configured.of(each.route) for each in assumptions.endpoints}
    rates = Rates(configured.traces, routes, configured.profiles)
    metered = volumes(requests, assumptions.endpoints, rates, assumptions.beside)
    console.print(show_totals([make_bill(book.plan(plan), metered) for plan in PLANS], book.currency))
    console.print(
        f"{requests:,.0f} requests a month; what endpoints emit: {ending.measured.requests} requests of this load, with"
        f" errors of {HEALTHY:.0%} at least.\nPrices of {book.as_of} ({book.file}), before tax."
        f" By category, endpoint and span name: rehearse cost --run {file}"
    )


def _client(target: Target) -> SentryClient:
    return SentryClient(target.engine, target.token.read_text(encoding="ascii").strip(), ORGANIZATION)
