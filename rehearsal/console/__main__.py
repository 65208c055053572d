"""Run the engine with the console's pages: `python -m rehearsal.console`. Its settings are `EMBEDDED_*` variables."""

import sys
from pathlib import Path

import click

from embedded.__main__ import serve
from embedded.clock import SystemClock
from embedded.pages.extension import Extension
from rehearsal.console.decision import decision_section
from rehearsal.console.sources import Sources
from rehearsal.options import DEFAULTS

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--runs", type=FILE, default=DEFAULTS.var / "runs", help="Folder of past rehearsals.")
@click.option("--rules", type=FILE, default=DEFAULTS.rules, help="Folder of monitor and alert rules.")
@click.option("--faults", type=FILE, help="The service's fault flags.")
@click.option("--ledger", type=FILE, help="Of the load.")
def main(runs: Path, rules: Path, faults: Path | None, ledger: Path | None) -> None:
    """Serve until stopped."""
    sources = Sources(runs=runs, rules=rules, faults=faults, ledger=ledger)
    sys.exit(serve(SystemClock(), extend(sources)))


def extend(sources: Sources) -> Extension:
    """The pages of the console, and what they tell those of the engine."""
    return Extension(sections=(decision_section(sources),), templates="rehearsal.console")


if __name__ == "__main__":
    main()
