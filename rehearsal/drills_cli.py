"""`rehearse drills`: what would be done to the service, and what is expected of it; nothing is started."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rehearsal.clock import show_span
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.drill_file import load_drills
from rehearsal.errors import UsageError
from rehearsal.options import DRILLS, JSON
from rehearsal.reports.jsonfile import convert
from rehearsal.schemas import drill_schema

TEMPLATE: Final = Path(__file__).with_name("template") / "drill.yml"
NAME: Final = "[a-z][a-z0-9-]{0,39}"
STEP: Final = 10  # between two drills, so that one can be put in between


@click.group("drills")
def drills() -> None:
    """The drills of a folder: list, show, new, schema."""


@drills.command("list")
@DRILLS
@JSON
def list_drills(drills: Path, *, is_json: bool) -> None:
    """List the drills in the order of running."""
    found = load_drills(drills)
    if is_json:
        click.echo(json.dumps([asdict(drill) for drill in found], default=convert, indent=2))
        return
    table = Table.grid(padding=(0, 2))
    for drill in found:
        table.add_row(Text(drill.name, style="bold"), show_span(drill.lasts), _disturbs(drill), _pages(drill))
    Console(highlight=False).print(table)


@drills.command()
@click.argument("name")
@DRILLS
def show(name: str, drills: Path) -> None:
    """Show one drill in words."""
    [drill] = load_drills(drills, (name,))
    Console(highlight=False).print(_describe(drill))


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
    lines += [f"expects: {_expects(page)}" for page in drill.pages] or ["expects: nobody is paged"]
    lines += [f"allows: a page of {name}" for name in drill.may_page]
    return Group(Text(drill.name, style="bold"), Text(drill.hypothesis), Padding(Text("\n".join(lines)), (1, 0, 0, 2)))


def _disturbs(drill: Drill) -> str:
    return str(drill.disturbance) if drill.disturbance else "nothing"


def _pages(drill: Drill) -> str:
    return ", ".join(f"{page.alert} on {page.channel}" for page in drill.pages) or "nobody is paged"


def _expects(page: ExpectedPage) -> str:
    resolves = f", resolved within {show_span(page.resolved_within)}" if page.resolved_within else ""
    return f"{page.alert} pages {page.channel} within {show_span(page.within)}{resolves}"
