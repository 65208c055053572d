"""`rehearse doctor`: the troubleshooting list, run against what the environment configures."""

import os
from collections.abc import Iterable

import click

from monitors.client import SentryClient
from rehearsal.clock import now
from rehearsal.doctor import Check, State, examine, examine_project

FAILED = 1
MARKS = {State.OK: ("ok     ", "green"), State.WRONG: ("wrong  ", "red"), State.SKIPPED: ("skipped", "yellow")}
API = ("SENTRY_URL", "SENTRY_AUTH_TOKEN", "SENTRY_ORG", "SENTRY_PROJECT")


@click.command()
def doctor() -> None:
    """Find out why nothing arrives: settings, network, key, clock, limits; each line ok or with its remedy.

    Reads the service's own SENTRY_* variables. With SENTRY_URL, SENTRY_AUTH_TOKEN, SENTRY_ORG and SENTRY_PROJECT it
    asks that Sentry too what became of the last day's items. Ends with 1 if anything is wrong.
    """
    are_fine = [_print(check) for checks in (examine(os.environ, now), _ask_project()) for check in checks]
    raise SystemExit(0 if all(are_fine) else FAILED)


def _ask_project() -> Iterable[Check]:
    url, token, org, project = (os.environ.get(name, "") for name in API)
    if not all((url, token, org, project)):
        yield Check(State.SKIPPED, "web API", f"needs {', '.join(API)}")
        return
    with SentryClient(url, token, org) as client:
        yield from examine_project(client, project)


def _print(check: Check) -> bool:
    mark, colour = MARKS[check.state]
    click.echo(f"{click.style(mark, fg=colour)}  {check.what:<14}{check.detail}")
    return check.state is not State.WRONG
