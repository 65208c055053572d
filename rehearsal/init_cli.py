"""`rehearse init` and `rehearse plan`: a commented plan for a service of one's own; check it, print its schema."""

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from monitors.errors import RulesError
from monitors.load import load_rules
from rehearsal.drill_file import load_drills
from rehearsal.errors import UsageError
from rehearsal.plan_file import check_drills, load_plan
from rehearsal.schemas import plan_schema

PROGRAM: Final = "rehearse"
TEMPLATE: Final = Path(__file__).with_name("template")
FILES: Final = ("plan.yml", "monitors/service.yml", "drills/10-healthy.yml", "drills/20-orders-fail.yml")


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def init(folder: Path) -> None:
    """Write a plan for a service of your own into a folder: plan.yml, monitors/ and drills/, all commented."""
    if there := [name for name in FILES if (folder / name).exists()]:
        raise UsageError(f"{folder}: {', '.join(there)} is there already, and stays as it is; take another folder")
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TEMPLATE / name, folder / name)
        click.echo(folder / name)
    click.echo(_next_steps(folder / FILES[0]), err=True)


def _next_steps(plan_file: Path) -> str:
    """What to do with the plan, as commands that can be pasted."""
    called = sys.argv[0] if Path(sys.argv[0]).name == PROGRAM else PROGRAM
    named = shlex.quote(str(plan_file))
    return (
        f"next: name your service's command, requests and faults in {plan_file}, then\n"
        f"  {called} plan check {named}   # every mistake with its line; starts nothing\n"
        f"  {called} run --plan {named}   # the rehearsal"
    )


@click.group("plan")
def plan() -> None:
    """Plans: check, schema."""


@plan.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default="plan.yml")
def check_plan(file: Path) -> None:
    """Read a plan with its rules and drills; every mistake is told with its line. Starts nothing."""
    found = load_plan(file)
    drills = load_drills(found.drills)
    check_drills(drills, found)
    try:
        rules = load_rules(found.rules)
    except RulesError as error:
        raise UsageError(str(error)) from None
    click.echo(f"{len(rules.alerts)} alerts and {len(drills)} drills, no mistakes")


@plan.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of plans, for editors."""
    click.echo(json.dumps(plan_schema(), indent=2))
