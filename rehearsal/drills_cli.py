"""`rehearse drills`: what would be done to the service, and what is expected of it; nothing is started."""

import json
import re
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import click
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from monitors.errors import RulesError
from monitors.load import load_rules
from monitors.model import RuleSet
from rehearsal.chance.reckon import Chance, reckon, show_chance
from rehearsal.clock import show_span
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.drill_file import choose_drills, load_drills
from rehearsal.duration import duration
from rehearsal.errors import UsageError
from rehearsal.options import DEFAULTS, DRILLS, JSON, RULES, TRACES, TRAFFIC
from rehearsal.reports.fitting import Fitting
from rehearsal.reports.jsonfile import convert
from rehearsal.reports.tables import show_short
from rehearsal.reports.terminal import report_console
from rehearsal.schemas import drill_schema
from rehearsal.settings import parse_traffic

FAILED, HELD = 1, 0
TEMPLATE: Final = Path(__file__).with_name("template") / "drill.yml"
NAME: Final = "[a-z][a-z0-9-]{0,39}"
STEP: Final = 10  # between two drills, so that one can be put in between


@click.group("drills")
def drills() -> None:
    """The drills of a folder: list, show, check, new, schema."""


@drills.command("list")
@DRILLS
@RULES
@JSON
def list_drills(drills: Path, rules: Path, *, is_json: bool) -> None:
    """List the drills in the order of running, and how long each takes."""
    found = load_drills(drills)
    takes = _durations(found, _load_rules(rules))
    if is_json:
        listed = [asdict(drill) | {"takes_s": takes[drill.name].total_seconds()} for drill in found]
        click.echo(json.dumps(listed, default=convert, indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for heading in ("drill", "production", f"at speed {DEFAULTS.speed:g}", "what is done", "who is paged"):
        table.add_column(heading, justify="right" if heading[-1].isdigit() or heading == "production" else "left")
    for drill in found:
        wall = show_short(takes[drill.name])
        span = show_span(takes[drill.name] * DEFAULTS.speed)
        named = Text(drill.name, style="bold") if not drill.is_on_request else Text(f"{drill.name} *", style="bold")
        table.add_row(named, span, wall, Text(_disturbs(drill)), Text(_pages(drill)))
    console = report_console()
    console.print(Fitting(table))
    pack = [drill for drill in found if not drill.is_on_request]
    console.print(_total(pack, sum((takes[drill.name] for drill in pack), timedelta(0)), len(found)))


def _load_rules(folder: Path) -> RuleSet:
    try:
        return load_rules(folder)
    except RulesError as error:
        raise UsageError(str(error)) from None


def _durations(drills: list[Drill], rules: RuleSet) -> dict[str, timedelta]:
    """Wall time by drill, at the default speed."""
    return {drill.name: duration(drill, rules, DEFAULTS.speed) / DEFAULTS.speed for drill in drills}


def _total(pack: list[Drill], takes: timedelta, known: int) -> str:
    said = f"{len(pack)} drills take {show_span(takes)} at speed {DEFAULTS.speed:g}, start and stop apart."
    return said if len(pack) == known else f"{said} * runs only when it is named: --only."


@drills.command()
@click.argument("name")
@DRILLS
def show(name: str, drills: Path) -> None:
    """Show one drill in words."""
    [drill] = choose_drills(load_drills(drills), (name,))
    report_console().print(_describe(drill))


@drills.command("check")
@click.option("--only", multiple=True, metavar="NAME", help="Check this drill alone; may be repeated.")
@DRILLS
@RULES
@TRAFFIC
@TRACES
@JSON
def check_drills(
    only: tuple[str, ...], drills: Path, rules: Path, traffic: str, traces_sample_rate: float, *, is_json: bool
) -> None:
    """Tell how often each drill would fail by chance alone: exit 1 if one does more than one time in a thousand.

    Its traffic is drawn a hundred thousand times, against the engine's own evaluator; nothing is started.
    """
    options = replace(DEFAULTS, traffic=parse_traffic(traffic), traces_sample_rate=traces_sample_rate)
    found = load_drills(drills)
    chosen, loaded = choose_drills(found, only) if only else found, _load_rules(rules)
    chances = {drill.name: reckon(drill, loaded, options) for drill in chosen}
    if is_json:
        click.echo(json.dumps({name: asdict(each) for name, each in chances.items()}, indent=2))
    else:
        report_console().print(_tabulate(chances))
    raise SystemExit(HELD if all(each.is_accepted for each in chances.values()) else FAILED)


def _tabulate(chances: dict[str, Chance]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("drill")
    table.add_column("fails by chance", justify="right")
    table.add_column("because")
    for name, each in chances.items():
        style = "" if each.is_accepted else "red"
        reasons = [f"{what} ({show_chance(count / each.runs)})" for what, count in each.reasons.items()]
        reasons += [f"nothing is known of {monitor}" for monitor in each.unknown]
        never = f"never in {each.runs:,}" if each.runs else "no fault to draw"
        shown = show_chance(each.share) if each.failed else never
        table.add_row(Text(name, style="bold"), Text(shown, style=style), Text("\n".join(reasons)))
    return table


@drills.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of drill files, for editors."""
    click.echo(json.dumps(drill_schema(), indent=2))


@drills.command("new")
@click.argument("name")
@DRILLS
def new_drill(name: str, drills: Path) -> None:
    """Write a commented drill file, to run after all others of the folder."""
    if not re.fullmatch(NAME, name):
        raise UsageError(f"name {name!r}: allowed are lower-case letters, digits and -, at most 40, a letter first")
    taken = [path.stem for path in drills.glob("*.yml")]
    if name in (stem.partition("-")[2] for stem in taken):
        raise UsageError(f"{drills}: a drill file for {name!r} is there already")
    numbers = [int(number) for number, _, _ in (stem.partition("-") for stem in taken) if number.isdecimal()]
    path = drills / f"{(max(numbers, default=0) // STEP + 1) * STEP}-{name}.yml"
    path.write_text(TEMPLATE.read_text(encoding="utf-8").replace("name: NAME", f"name: {name}", 1), encoding="utf-8")
    click.echo(path)


def _describe(drill: Drill) -> RenderableType:
    lines = [f"lasts {show_span(drill.lasts)} of production time", f"does: {_disturbs(drill)}"]
    lines += ["runs only when it is named: --only"] if drill.is_on_request else []
    lines += [f"expects: {_expects(page)}" for page in drill.pages] or ["expects: nobody is paged"]
    lines += [f"allows: a page of {name}" for name in drill.may_page]
    return Group(Text(drill.name, style="bold"), Text(drill.hypothesis), Padding(Text("\n".join(lines)), (1, 0, 0, 2)))


def _disturbs(drill: Drill) -> str:
    return str(drill.disturbance) if drill.disturbance else "nothing"


def _pages(drill: Drill) -> str:
    return ", ".join(f"{page.alert} on {page.channel}" for page in drill.pages) or "nobody is paged"


def _expects(page: ExpectedPage) -> str:
    resolves = f", resolved within {show_span(page.resolved_within)}" if page.resolved_within else ""
    says = f", saying {' and '.join(page.says)}" if page.says else ""
    return f"{page.alert} pages {page.channel} within {show_span(page.within)}{resolves}{says}"
