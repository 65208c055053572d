"""Run the engine with the console's pages: `python -m rehearsal.console`. Its settings are `EMBEDDED_*` variables."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from embedded.__main__ import serve
from embedded.clock import SystemClock
from embedded.pages.extension import Extension
from rehearsal.console.decision import decision_section
from rehearsal.console.faults import FaultWatches, follow
from rehearsal.console.projection import project
from rehearsal.console.rehearsals import rehearsals_section
from rehearsal.console.sent import SentCounter
from rehearsal.console.sources import Sources
from rehearsal.cost.book import load_book
from rehearsal.faulting import HOOKS
from rehearsal.options import DEFAULTS
from rehearsal.switch import Switch

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--runs", type=FILE, default=DEFAULTS.var / "runs", help="Folder of past rehearsals.")
@click.option("--rules", type=FILE, default=DEFAULTS.rules, help="Folder of monitor and alert rules.")
@click.option("--faults", type=FILE, help="The service's fault flags.")
@click.option("--ledger", type=FILE, help="Of the load.")
@click.option("--switch", type=FILE, help="Folder with a switch that makes ingest slow or refuse.")
def main(runs: Path, rules: Path, faults: Path | None, ledger: Path | None, switch: Path | None) -> None:
    """Serve until stopped."""
    sources = Sources(runs=runs, rules=rules, faults=faults, ledger=ledger)
    around = partial(Switch, folder=switch) if switch else None
    sys.exit(serve(SystemClock(), extend(sources), around))


def extend(sources: Sources) -> Extension:
    """The pages of the console, and what they tell those of the engine. Begins to follow the fault flags."""
    extension = Extension(
        sections=(decision_section(sources), rehearsals_section(sources)),
        templates="rehearsal.console",
        bill=partial(project, load_book(sources.prices)),
    )
    if sources.faults is not None:
        watch = FaultWatches(sources.faults, sources.faults.with_name(HOOKS))
        follow(watch)
        extension = replace(extension, faults=watch.between)
    return replace(extension, sent=SentCounter(sources.ledger).between) if sources.ledger is not None else extension


if __name__ == "__main__":
    main()
