"""The options that several commands share: written once, with their variables, defaults and help."""

from pathlib import Path
from typing import Final

import click

from rehearsal.settings import Options

DEFAULTS: Final = Options()


def _folder(*, exists: bool) -> click.Path:
    # Resolved at once: the parts of the stack run in another working directory than the caller's.
    return click.Path(exists=exists, file_okay=False, resolve_path=True, path_type=Path)


VAR: Final = click.option(
    "--var",
    type=_folder(exists=False),
    default=DEFAULTS.var,
    envvar="REHEARSE_VAR",
    show_envvar=True,
    help="Folder that everything is written to.",
)
RULES: Final = click.option(
    "--rules", type=_folder(exists=True), default=DEFAULTS.rules, help="Folder of monitor and alert rules."
)
PLAN: Final = click.option(
    "--plan",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    default=DEFAULTS.plan,
    help="What is rehearsed; without it the reference stack. `rehearse init` writes one to start from.",
)
OTHER_RULES: Final = click.option("--rules", type=_folder(exists=True), help="Rules other than the plan's.")
OTHER_DRILLS: Final = click.option("--drills", type=_folder(exists=True), help="Drills other than the plan's.")
DRILLS: Final = click.option("--drills", type=_folder(exists=True), default=DEFAULTS.drills, help="Folder of drills.")
TRACES: Final = click.option(
    "--traces",
    "traces_sample_rate",
    default=DEFAULTS.traces_sample_rate,
    show_default=True,
    envvar="REHEARSE_TRACES",
    show_envvar=True,
    help="The service's traces sample rate.",
)
TRAFFIC: Final = click.option(
    "--traffic",
    default="1M/month",
    show_default=True,
    envvar="REHEARSE_TRAFFIC",
    show_envvar=True,
    help="Production traffic.",
)
JSON: Final = click.option("--json", "is_json", is_flag=True, help="Print the result as JSON on stdout.")
