"""The command line: `rehearse`. Data goes to stdout, talk to stderr; exit codes are mapped here and nowhere else."""

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from rehearsal import containers
from rehearsal.baseline import compare, read_baseline
from rehearsal.bringing_up import bring_up_chosen
from rehearsal.checks_cli import checklist, doctor
from rehearsal.clock import now
from rehearsal.conduct import rehearse
from rehearsal.cost_cli import cost, recommend, sampling_guide, whatif
from rehearsal.drills_cli import drills
from rehearsal.engines.remote import RemoteEngine, choose_speed, find_site
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.init_cli import init, plan
from rehearsal.interrupts import install
from rehearsal.loadtest_cli import loadtest
from rehearsal.monitors_cli import monitors
from rehearsal.options import DEFAULTS, JSON, OTHER_DRILLS, OTHER_RULES, PLAN, TRACES, TRAFFIC, VAR
from rehearsal.plan_file import with_plan
from rehearsal.report_cli import report as report_commands
from rehearsal.reports.files import write_files
from rehearsal.reports.jsonfile import as_json
from rehearsal.reports.terminal import TerminalProgress, render, report_console
from rehearsal.settings import check, parse_traffic
from rehearsal.standing import take_down
from rehearsal.verdict import Status
from rehearsal.which_sentry import Sentry

HELD: Final = 0
FAILED: Final = 1
USAGE: Final = 2
MISSING: Final = 3
CODES: Final = {Status.HELD: HELD, Status.FAILED: FAILED, Status.UNTRUSTED: MISSING}
INTERNAL: Final = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
STOPPED: Final = "stopped; nothing that it started was left running"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sentry-rehearsal")
def cli() -> None:
    """Rehearse a FastAPI service's Sentry set-up: what you will see, what it costs, whether you are paged.

    Exit codes: 0 everything held, 1 an expectation failed, 2 usage or configuration, 3 the environment lacks something
    (or Sentry itself did not work, so that nothing is concluded), 70 a mistake in this program, 130 stopped by a
    signal. Behind `make` each of them but 0 becomes make's own 2.
    """


@cli.command()
@click.option("--only", multiple=True, metavar="NAME", help="Run only this drill; may be repeated.")
@click.option(
    "--speed",
    type=float,
    envvar="REHEARSE_SPEED",
    show_envvar=True,
    help=f"Production seconds per second; {DEFAULTS.speed:g}, and 1 on a Sentry that is not ours.",
)
@TRAFFIC
@TRACES
@PLAN
@OTHER_RULES
@OTHER_DRILLS
@VAR
@click.option("--webhook-url", metavar="URL", help="Send notifications here instead of to the sink.")
@click.option(
    "--no-faults",
    "with_faults",
    flag_value=False,
    default=True,
    help="Inject no fault: proves that a missing page is noticed.",
)
@click.option(
    "--baseline",
    "earlier",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="report.json of an earlier run, to say what differs.",
)
@click.option(
    "--sentry",
    "asked",
    type=click.Choice([each.value for each in Sentry]),
    default=Sentry.EMBEDDED.value,
    show_default=True,
    help="Which Sentry is rehearsed on. self-hosted: the one of SENTRY_URL and SENTRY_AUTH_TOKEN, or else the installed"
    " one; at production speed, without the drills that need a Sentry of our own.",
)
@click.option(
    "--sink-host",
    envvar="REHEARSE_SINK_HOST",
    show_envvar=True,
    help="Address of this machine at which that Sentry reaches the notification sink.",
)
@JSON
def run(*, is_json: bool, traffic: str, earlier: Path | None, asked: str, sink_host: str | None, **chosen: Any) -> None:
    """Bring the stack up, run every drill, close the books, print the verdict and stop what was started."""
    remote = None if asked == Sentry.EMBEDDED else RemoteEngine(find_site(os.environ, chosen["var"], sink_host), now())
    chosen["speed"] = choose_speed(chosen["speed"], is_ours=remote is None)
    options = check(with_plan(traffic=parse_traffic(traffic), **chosen))
    baseline = read_baseline(earlier) if earlier else None
    with TerminalProgress(Console(stderr=True, highlight=False)) as progress:
        report = rehearse(options, progress, remote)
    differences = compare(baseline, report) if baseline else None
    if is_json:
        click.echo(as_json(report))
    else:
        report_console().print(render(report, differences))
    write_files(report, differences)
    raise SystemExit(CODES[report.status])


@cli.command()
@click.option(
    "--sentry",
    "asked",
    type=click.Choice([each.value for each in Sentry]),
    help="In containers, where a Docker engine is reachable. Unset: as processes, or an installed self-hosted Sentry.",
)
@click.option("--speed", default=1.0, show_default=True, help="Production seconds per second.")
@TRACES
@PLAN
@OTHER_RULES
@VAR
@JSON
def up(*, is_json: bool, asked: str | None, **chosen: Any) -> None:
    """Bring Sentry, service and sink up and leave them running; the load is yours."""
    with TerminalProgress(Console(stderr=True, highlight=False)) as progress:
        facts = bring_up_chosen(check(with_plan(drills=None, **chosen)), Sentry(asked) if asked else None, progress)
    if is_json:
        click.echo(json.dumps(facts, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}")
    click.echo(f"\nSee it happen: {facts['engine']}/")
    click.echo("Send it load: rehearse loadtest, or make loadtest. Stop it: rehearse down, or make down.")


@cli.command()
@click.option("--data", "with_data", is_flag=True, help="Remove the engine's data, the pages and the logs too.")
@VAR
def down(*, with_data: bool, var: Path) -> None:
    """Stop what `up` left running."""
    stopped = containers.take_down(var, with_data=with_data) + take_down(var, with_data=with_data)
    click.echo(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


cli.add_command(checklist)
cli.add_command(doctor)
cli.add_command(drills)
cli.add_command(init)
cli.add_command(loadtest)
cli.add_command(monitors)
cli.add_command(sampling_guide)
cli.add_command(whatif)
cli.add_command(cost)
cli.add_command(recommend)
cli.add_command(plan)
cli.add_command(report_commands)


def main() -> None:
    """Run the command line and end with its exit code."""
    install()
    sys.exit(run_guarded(lambda: cli(standalone_mode=False)))


def run_guarded(command: Callable[[], Any]) -> int:
    """Run a command line, say what went wrong on stderr, and return the exit code."""
    try:
        code = int(command() or HELD)
        sys.stdout.flush()
        return code
    except SystemExit as stop:
        return int(stop.code or HELD)
    except UsageError as error:
        return _tell(error, USAGE)
    except EnvironmentMissingError as error:
        return _tell(error, MISSING)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _tell(STOPPED, INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return USAGE
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit complains
        return HELD
    except OSError as error:  # a full disk, a folder that may not be written
        return _tell(error, MISSING)
    except Exception:  # noqa: BLE001 - the last one: a person gets the traceback and is told whose fault it is
        traceback.print_exc()
        return _tell("this is a mistake in rehearse itself; please report the lines above", INTERNAL)


def _tell(message: object, code: int) -> int:
    click.echo(f"rehearse: {message}", err=True)
    return code


if __name__ == "__main__":
    main()
