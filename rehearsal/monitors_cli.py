"""`rehearse monitors`: lint and test the rules, show the difference to a Sentry, apply it. Works against any Sentry."""

import json
import re
import time
from collections.abc import Callable, Sized
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from monitors.client import SentryClient
from monitors.errors import ApiError, PlanError, Problem, RulesError
from monitors.fields import read_url
from monitors.lint import Traffic
from monitors.load import load_rules
from monitors.model import RuleSet
from monitors.plan import Plan, apply_plan, make_plan
from monitors.schema import rules_schema
from monitors.terraform import export_hcl
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.options import JSON, RULES, TRAFFIC
from rehearsal.ruletests.check import Checked, check_rules
from rehearsal.ruletests.suite import SuiteResult
from rehearsal.settings import parse_traffic
from service.settings import DEFAULT_TRACES_SAMPLE_RATES

SLUG: Final = r"[A-Za-z0-9_-]{1,100}"
FAILED: Final = 1
USAGE: Final = 2
MINUTES_OF_A_DAY: Final = 1440


def _read_token(_: click.Context, __: click.Parameter, value: str) -> str:
    """A token that can be sent; it is never shown."""
    if not (value.strip().isascii() and value.strip().isprintable()):
        raise click.BadParameter("it holds characters that no token has")
    return value.strip()


def _read_slug(_: click.Context, __: click.Parameter, value: str) -> str:
    if not re.fullmatch(SLUG, value):
        raise click.BadParameter(f"{value!r}, allowed are letters, digits, - and _")
    return value


def _read_address(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        return read_url(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _sentry(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a Sentry, under sentry-cli's own variables."""
    for name, variable, read, text in (
        ("--project", "SENTRY_PROJECT", _read_slug, "Project slug."),
        ("--org", "SENTRY_ORG", _read_slug, "Organisation slug."),
        ("--token", "SENTRY_AUTH_TOKEN", _read_token, "User token."),
        ("--url", "SENTRY_URL", _read_address, "Address of the Sentry."),
    ):
        option = click.option(name, envvar=variable, show_envvar=True, required=True, callback=read, help=text)
        command = option(command)
    return command


@click.group("monitors")
def monitors() -> None:
    """Monitors and alerts as code: check, plan, apply."""


@monitors.command()
@RULES
@TRAFFIC
@click.option(
    "--traces",
    "sample_rate",
    type=click.FloatRange(0, 1),
    default=DEFAULT_TRACES_SAMPLE_RATES["production"],
    show_default=True,
    help="Share of requests that production samples.",
)
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@JSON
def check(rules: Path, traffic: str, sample_rate: float, *, strict: bool, is_json: bool) -> None:
    """Lint the rules and run their tests, *.test.yml, on a manual clock; nothing is started, asked or changed.

    Ends with 2 if a file has mistakes, each told with file and line, and with 1 if a test failed. Warnings are about
    rules that Sentry takes and that hardly do what is meant.
    """
    began = time.perf_counter()
    found = check_rules(rules, Traffic(parse_traffic(traffic), sample_rate))
    fails = not found.holds or (strict and bool(found.warnings))
    if is_json:
        click.echo(json.dumps(_as_json(found), indent=2))
        raise SystemExit(USAGE if found.mistakes else FAILED if fails else 0)
    if found.rules is None or found.suite is None:
        raise _mistaken(found.mistakes)
    click.echo(f"{_count(found.rules.monitors, 'monitor')} and {_count(found.rules.alerts, 'alert')}, no mistakes")
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    _print_suite(found.suite, time.perf_counter() - began)
    raise SystemExit(FAILED if fails else 0)


@monitors.command()
def schema() -> None:
    """Print the JSON Schema of rules files, for editors."""
    click.echo(json.dumps(rules_schema(), indent=2))


@monitors.command()
@RULES
@click.option(
    "--hcl", "is_hcl", is_flag=True, required=True, help="As a file for Terraform's provider jianyuan/sentry."
)
def export(rules: Path, *, is_hcl: bool) -> None:  # noqa: ARG001 - the one format there is
    """Print the rules in the words of another tool."""
    click.echo(export_hcl(_load(rules)), nl=False)


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


def _print_suite(suite: SuiteResult, seconds: float) -> None:
    for case in suite.failed:
        click.echo("\n".join(case.differences))
    held = len(suite.cases) - len(suite.failed)
    days = suite.minutes / MINUTES_OF_A_DAY
    click.echo(f"{held} of {_count(suite.cases, 'rule test')} held, {days:.1f} days of ticks in {seconds:.1f} s")
    click.echo(str(suite.coverage))
    for missing in suite.coverage.missing:
        click.echo(f"never seen in a test: {missing}")


def _as_json(found: Checked) -> dict[str, Any]:
    suite = found.suite
    return {
        "holds": found.holds,
        "mistakes": [asdict(each) for each in found.mistakes],
        "warnings": [asdict(each) for each in found.warnings],
        "tests": [asdict(each) for each in suite.cases] if suite else [],
        "coverage": {"summary": str(suite.coverage), "missing": suite.coverage.missing} if suite else None,
    }


def _count(things: Sized, what: str) -> str:
    return f"{len(things)} {what}" if len(things) == 1 else f"{len(things)} {what}s"


def _mistaken(problems: tuple[Problem, ...]) -> UsageError:
    return UsageError("\n".join([_count(problems, "mistake"), *map(str, problems)]))


def _load(rules: Path) -> RuleSet:
    try:
        return load_rules(rules)
    except RulesError as error:
        raise _mistaken(error.problems) from None


def _plan(rules: RuleSet, client: SentryClient, project: str) -> Plan:
    try:
        found = next((each for each in client.projects() if project in (each.slug, str(each.id))), None)
        if found is None:
            raise UsageError(f"no project {project!r} in organisation {client.organization!r}")
        return make_plan(rules, client, found)
    except (ApiError, PlanError) as error:
        raise EnvironmentMissingError(str(error)) from error
