"""`python -m rehearsal.self_hosted COMMAND`: what the scripts of sentry-self-hosted/ call."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from rehearsal.cli import run_guarded
from rehearsal.errors import EnvironmentMissingError
from rehearsal.interrupts import install as install_signals
from rehearsal.options import VAR
from rehearsal.reports.terminal import TerminalProgress
from rehearsal.self_hosted import install as installing
from rehearsal.self_hosted import release as releases
from rehearsal.self_hosted import upstream
from rehearsal.self_hosted.bootstrap import bootstrap as bootstrap_sentry
from rehearsal.self_hosted.preflight import Profile, check, look, render
from rehearsal.self_hosted.state import Installation, find_installation

PROFILE = click.option(
    "--profile",
    type=click.Choice([each.value for each in Profile]),
    default=Profile.FEATURE_COMPLETE.value,
    envvar="PROFILE",
    show_envvar=True,
    show_default=True,
    help="What of Sentry runs; errors-only has no transactions and no metric alerts.",
)
BIND = click.option(
    "--bind",
    default=installing.DEFAULT_BIND,
    envvar="SENTRY_BIND",
    show_envvar=True,
    show_default=True,
    help="Where its web page and ingest are published.",
)
TARBALL = click.option(
    "--tarball",
    type=click.Path(path_type=Path, resolve_path=True),
    envvar="SENTRY_TARBALL",
    show_envvar=True,
    help="The release's archive, instead of a download.",
)
FOLDER = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=releases.FOLDER,
    help="Folder of VERSION, CHECKSUMS and overlay/, where yours are others.",
)
SOURCE = click.option("--url", default=releases.URL, show_default=True, help="Where the archive is downloaded from.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def self_hosted() -> None:
    """Self-hosted Sentry at the release of sentry-self-hosted/VERSION.

    Exit codes: 0 done, 2 usage, 3 the machine lacks something.
    """


@self_hosted.command()
@PROFILE
@BIND
@VAR
def preflight(profile: str, bind: str, var: Path) -> None:
    """Found against needed; changes nothing."""
    found = find_installation(var)
    click.echo(render(check(look(bind, var, is_ours=found is not None), Profile(profile), bind)))


@self_hosted.command()
@PROFILE
@BIND
@TARBALL
@SOURCE
@FOLDER
@VAR
def install(**given: Any) -> None:
    """Fetch, verify, unpack, overlay, run upstream's installer, start, bootstrap; goes on where a run broke off."""
    _carry_out(installing.install, given)


@self_hosted.command()
@TARBALL
@SOURCE
@FOLDER
@VAR
def upgrade(**given: Any) -> None:
    """Install the release of VERSION over an older one; its data stays."""
    _carry_out(installing.upgrade, given)


@self_hosted.command()
@VAR
def bootstrap(var: Path) -> None:
    """Make first user, token and project again, each if it is missing."""
    bootstrap_sentry(var, _find(var))
    click.echo("user, token and project are there")


@self_hosted.command()
@click.option("--data", "with_data", is_flag=True, help="Remove all that was ever stored, and the release, too.")
@VAR
def remove(*, with_data: bool, var: Path) -> None:
    """Remove its containers and networks."""
    upstream.remove(var, _find(var), with_data=with_data)
    click.echo(
        "removed, with its data" if with_data else "removed; its data is kept, make sentry-install starts it again"
    )


def _carry_out(run: Callable[..., Installation], given: dict[str, Any]) -> None:
    profile = Profile(given.get("profile", Profile.FEATURE_COMPLETE))
    order = installing.Order(
        var=given["var"],
        release=releases.read_release(given["folder"]),
        profile=profile,
        bind=given.get("bind", installing.DEFAULT_BIND),
        tarball=given["tarball"],
        url=given["url"],
        folder=given["folder"],
    )
    with TerminalProgress(Console(stderr=True, highlight=False)) as progress:
        done = run(order, progress)
    click.echo(f"{done.release} ({done.profile}) at {done.url}\nnext: make up SENTRY=self-hosted")


def _find(var: Path) -> Installation:
    found = find_installation(var)
    if found is None:
        raise EnvironmentMissingError("found no self-hosted Sentry; next: make sentry-install")
    return found


if __name__ == "__main__":
    install_signals()
    sys.exit(run_guarded(lambda: self_hosted(standalone_mode=False)))
