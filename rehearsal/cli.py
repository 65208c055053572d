"""The command line: `rehearse`. Data goes to stdout, talk to stderr; exit codes are mapped here and nowhere else."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
from rich.console import Console

from rehearsal.conduct import rehearse
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.monitors_cli import RULES, monitors
from rehearsal.reports.files import write_files
from rehearsal.reports.jsonfile import as_json
from rehearsal.reports.terminal import TerminalProgress, render
from rehearsal.settings import Options, check, parse_traffic
from rehearsal.standing import bring_up, take_down
from rehearsal.verdict import Status

HELD: Final = 0
FAILED: Final = 1
USAGE: Final = 2
MISSING: Final = 3
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
STOPPED: Final = "stopped; nothing was left running"
DEFAULTS: Final = Options()
VAR: Final = click.option(
    "--var",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULTS.var,
    envvar="REHEARSE_VAR",
    show_envvar=True,
    help="Folder that everything is written to.",
)

TRACES: Final = click.option(
    "--traces",
    "traces_sample_rate",
    default=DEFAULTS.traces_sample_rate,
    show_default=True,
    envvar="REHEARSE_TRACES",
    show_envvar=True,
    help="The service's traces sample rate.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sentry-rehearsal")
def cli() -> None:
    """Rehearse a FastAPI service's Sentry set-up: what you will see, what it costs, whether you are paged.

    Exit codes: 0 everything held, 1 an expectation failed, 2 usage or configuration, 3 the environment lacks something.
    """


@cli.command()
@click.option("--only", multiple=True, metavar="NAME", help="Run only this drill; may be repeated.")
@click.option(
    "--speed",
    default=DEFAULTS.speed,
    show_default=True,
    envvar="REHEARSE_SPEED",
    show_envvar=True,
    help="Production seconds per second.",
)
@click.option(
    "--traffic",
    default="1M/month",
    show_default=True,
    envvar="REHEARSE_TRAFFIC",
    show_envvar=True,
    help="Production traffic.",
)
@TRACES
@RULES
@click.option(
    "--drills",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=DEFAULTS.drills,
    help="Folder of drills.",
)
@VAR
@click.option("--webhook-url", metavar="URL", help="Send notifications here instead of to the sink.")
@click.option(
    "--no-faults",
    "with_faults",
    flag_value=False,
    default=True,
    help="Inject no fault: proves that a missing page is noticed.",
)
@click.option("--json", "is_json", is_flag=True, help="Print the report as JSON on stdout.")
def run(*, is_json: bool, traffic: str, **chosen: Any) -> None:
    """Bring the stack up, run every drill, close the books, print the verdict and stop what was started."""
    options = check(Options(traffic=parse_traffic(traffic), **chosen))
    with TerminalProgress(Console(stderr=True, highlight=False)) as progress:
        report = rehearse(options, progress)
    write_files(report)
    if is_json:
        click.echo(as_json(report))
    else:
        Console(highlight=False).print(render(report))
    raise SystemExit(HELD if report.status is Status.HELD else FAILED)


@cli.command()
@click.option("--speed", default=1.0, show_default=True, help="Production seconds per second.")
@TRACES
@RULES
@VAR
def up(**chosen: Any) -> None:
    """Bring engine, service and sink up and leave them running; the load is yours."""
    with TerminalProgress(Console(stderr=True, highlight=False)) as progress:
        facts = bring_up(check(Options(**chosen)), progress)
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}")


@cli.command()
@click.option("--data", "with_data", is_flag=True, help="Remove the engine's data, the pages and the logs too.")
@VAR
def down(*, with_data: bool, var: Path) -> None:
    """Stop what `up` left running."""
    stopped = take_down(var, with_data=with_data)
    click.echo(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


cli.add_command(monitors)


def main() -> None:
    """Run the command line and end with its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(_guard(lambda: cli(standalone_mode=False)))


def _guard(command: Callable[[], Any]) -> int:
    try:
        return int(command() or HELD)
    except SystemExit as stop:
        return int(stop.code or HELD)
    except UsageError as error:
        return _tell(error, USAGE)
    except EnvironmentMissingError as error:
        return _tell(error, MISSING)
    except click.exceptions.Abort:
        return _tell(STOPPED, INTERRUPTED)
    except KeyboardInterrupt:
        return _tell(STOPPED, INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return USAGE


def _tell(message: object, code: int) -> int:
    click.echo(f"rehearse: {message}", err=True)
    return code


def _interrupt(_: int, __: FrameType | None) -> None:
    """Treat SIGTERM like Ctrl-C: stop what was started, then end."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
