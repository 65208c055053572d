"""`rehearse monitors`: lint the rules, show the difference to a Sentry, apply it. Works against any Sentry."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from monitors.client import SentryClient
from monitors.errors import ApiError, PlanError, RulesError
from monitors.load import load_rules
from monitors.model import RuleSet
from monitors.plan import Plan, apply_plan, make_plan
from monitors.schema import rules_schema
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.options import RULES


def _sentry(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a Sentry, under sentry-cli's own variables."""
    for option in (
        click.option("--project", envvar="SENTRY_PROJECT", show_envvar=True, required=True, help="Project slug."),
        click.option("--org", envvar="SENTRY_ORG", show_envvar=True, required=True, help="Organisation slug."),
        click.option("--token", envvar="SENTRY_AUTH_TOKEN", show_envvar=True, required=True, help="User token."),
        click.option("--url", envvar="SENTRY_URL", show_envvar=True, required=True, help="Address of the Sentry."),
    ):
        command = option(command)
    return command


@click.group("monitors")
def monitors() -> None:
    """Monitors and alerts as code: check, plan, apply."""


@monitors.command()
@RULES
def check(rules: Path) -> None:
    """Lint the rules; every mistake is told with file and line."""
    found = _load(rules)
    click.echo(f"{len(found.monitors)} monitors and {len(found.alerts)} alerts, no mistakes")


@monitors.command()
def schema() -> None:
    """Print the JSON Schema of rules files, for editors."""
    click.echo(json.dumps(rules_schema(), indent=2))


@monitors.command()
@RULES
@_sentry
def plan(rules: Path, url: str, token: str, org: str, project: str) -> None:
    """Show what apply would change; changes nothing."""
    with SentryClient(url, token, org) as client:
        click.echo(str(_plan(_load(rules), client, project)))


@monitors.command("apply")
@RULES
@_sentry
def apply_rules(rules: Path, url: str, token: str, org: str, project: str) -> None:
    """Make the Sentry as the rules say. Applying twice changes nothing the second time."""
    with SentryClient(url, token, org) as client:
        wanted = _plan(_load(rules), client, project)
        click.echo(str(wanted))
        try:
            done = apply_plan(wanted, client)
        except ApiError as error:
            raise EnvironmentMissingError(f"{error}\nwhat was done stays; apply again to go on from there") from error
    click.echo(f"{len(done)} changed" if done else "unchanged")


def _load(rules: Path) -> RuleSet:
    try:
        return load_rules(rules)
    except RulesError as error:
        raise UsageError(f"{len(error.problems)} mistakes\n{error}") from None


def _plan(rules: RuleSet, client: SentryClient, project: str) -> Plan:
    try:
        found = next((each for each in client.projects() if project in (each.slug, str(each.id))), None)
        if found is None:
            raise UsageError(f"no project {project!r} in organisation {client.organization!r}")
        return make_plan(rules, client, found)
    except (ApiError, PlanError) as error:
        raise EnvironmentMissingError(str(error)) from error
