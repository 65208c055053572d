"""`rehearse drills`: what would be done to the service, and what is expected of it; nothing is started."""

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rehearsal.clock import show_span
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.drill_file import load_drills
from rehearsal.options import DRILLS, JSON
from rehearsal.reports.jsonfile import convert


@click.group("drills")
def drills() -> None:
    """The drills of a folder: list, show."""


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
