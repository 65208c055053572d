"""`rehearse doctor` and `rehearse checklist`: lists of checks against what the environment configures."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click
from sentry_sdk.utils import Dsn

from monitors.client import SentryClient
from monitors.errors import RulesError
from monitors.load import load_rules
from monitors.model import RuleSet
from rehearsal.checklist import Target, tick
from rehearsal.checks import Check, State
from rehearsal.clock import now
from rehearsal.containers import describe, find_containers
from rehearsal.doctor import examine, examine_project
from rehearsal.errors import UsageError
from rehearsal.options import JSON, RULES, VAR
from rehearsal.provisioning import ORGANIZATION, PROJECT, rehost
from rehearsal.stack import ENVIRONMENT
from rehearsal.standing import find_standing
from service.settings import SettingsError, load_settings

FAILED: Final = 1
DOCTOR_MARKS: Final = {
    State.OK: ("ok     ", "green"),
    State.WRONG: ("wrong  ", "red"),
    State.SKIPPED: ("skipped", "yellow"),
}
BOXES: Final = {State.OK: ("[x]", "green"), State.WRONG: ("[ ]", "red"), State.SKIPPED: ("[?]", "yellow")}
API: Final = ("SENTRY_URL", "SENTRY_AUTH_TOKEN", "SENTRY_ORG", "SENTRY_PROJECT")
TOKEN_VARIABLE: Final = "SENTRY_AUTH_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Place:
    """Which Sentry is meant, and the service's variables that lead there."""

    environ: Mapping[str, str]  # SENTRY_*, and ISL_GIT_SHA for the release
    pages: Path | None  # of the sink, where there is one


@click.command()
@VAR
@JSON
def doctor(var: Path, *, is_json: bool) -> None:
    """Find out why nothing arrives, or too much: each line ok, or with its remedy.

    Looks at settings, network, key, clock, limits and filters, as the service's own SENTRY_* variables have them. With
    SENTRY_URL, SENTRY_AUTH_TOKEN, SENTRY_ORG and SENTRY_PROJECT it asks that Sentry too what became of the last day's
    items. Where no SENTRY_* variable is set, the stack that `rehearse up` left running is meant. Ends with 1 if
    anything is wrong.
    """
    environ = _find_patient(var)
    _report(
        (check for checks in (examine(environ, now), _ask_project(environ)) for check in checks), DOCTOR_MARKS, is_json
    )


@click.command()
@RULES
@VAR
@click.option(
    "--pages",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of a sink (`python -m rehearsal.sink`) that the Sentry's notifications reach.",
)
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for anything that was sent.")
@JSON
def checklist(rules: Path, var: Path, pages: Path | None, wait: float, *, is_json: bool) -> None:
    """Tick the production checklist by doing it: send an error, transactions and a release, and find them again.

    Reads the service's SENTRY_* variables and SENTRY_URL, SENTRY_AUTH_TOKEN, SENTRY_ORG, SENTRY_PROJECT; where
    SENTRY_DSN is unset, the stack that `rehearse up` left running is meant. Costs an error event and some
    transactions. Ends with 1 if a box stays empty; [?] is for a person to look at.
    """
    place = _find_place(var)
    environ = place.environ
    try:
        settings = load_settings(environ)
    except SettingsError as error:
        raise UsageError(str(error)) from None
    if not settings.sentry_enabled or settings.sentry_dsn is None:
        raise UsageError("SENTRY_ENABLED must be true and SENTRY_DSN set: the service would send nothing")
    if missing := [name for name in API if not os.environ.get(name) and name not in environ]:
        raise UsageError(f"{', '.join(missing)} must be set, to find again what is sent")
    url, token, org, project = (environ.get(name) or os.environ[name] for name in API)
    with SentryClient(url, token, org) as client:
        found = pages or place.pages
        target = Target(settings, client, project, _load(rules), found, timedelta(seconds=wait))
        _report(tick(target), BOXES, is_json)


def _find_place(var: Path) -> Place:
    """What the environment says, or else the stack that is up."""
    if os.environ.get("SENTRY_DSN"):
        names = {*API, "ISL_GIT_SHA"} | {name for name in os.environ if name.startswith("SENTRY_")}
        return Place({name: os.environ[name] for name in names if name in os.environ}, None)
    facts = _find_stack(var)
    if facts is None:
        raise UsageError(
            "SENTRY_DSN is not set, and no stack is up; set the service's SENTRY_* variables or: rehearse up"
        )
    return Place(_environ_of(facts), Path(facts["pages"]))


def _find_patient(var: Path) -> Mapping[str, str]:
    """The environment, or where it says nothing of a Sentry, the variables of the stack that is up."""
    is_told = any(name.startswith("SENTRY_") and value for name, value in os.environ.items())  # make exports empty ones
    facts = None if is_told else _find_stack(var)
    if facts is None:
        return os.environ
    click.echo(f"rehearse: no SENTRY_* variable is set, so this is about the stack at {facts['engine']}", err=True)
    return {**os.environ, **_environ_of(facts)}


def _find_stack(var: Path) -> Mapping[str, Any] | None:
    """Where everything of the stack that is up is; None where none is."""
    if standing := find_standing(var):
        return asdict(standing)
    boxes = find_containers(var)
    return describe(boxes, var) | {"project": PROJECT} if boxes and boxes.is_up else None


def _environ_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """The service's variables, with the addresses as this machine has them."""
    return {
        "SENTRY_ENABLED": "true",
        "SENTRY_DSN": rehost(facts["dsn"], facts["engine"]),
        "SENTRY_ENVIRONMENT": ENVIRONMENT,
        "SENTRY_TRACES_SAMPLE_RATE": str(facts["traces_sample_rate"]),
        "SENTRY_URL": facts["engine"],
        TOKEN_VARIABLE: Path(facts["token"]).read_text().strip(),
        "SENTRY_ORG": ORGANIZATION,
        "SENTRY_PROJECT": facts["project"],
    }


def _load(rules: Path) -> RuleSet:
    try:
        return load_rules(rules)
    except RulesError as error:
        raise UsageError(str(error)) from None


def _ask_project(environ: Mapping[str, str]) -> Iterable[Check]:
    url, token, org, project = (environ.get(name, "") for name in API)
    if not all((url, token, org, project)):
        yield Check(State.SKIPPED, "web API", f"needs {', '.join(API)}")
        return
    dsn = environ.get("SENTRY_DSN", "")
    with SentryClient(url, token, org) as client:
        yield from examine_project(client, project, Dsn(dsn).public_key if dsn else None)


def _report(checks: Iterable[Check], marks: Mapping[State, tuple[str, str]], is_json: bool) -> None:
    """Print each check when it is done, or all of them as JSON; end with 1 if one is wrong."""
    done = []
    for check in checks:
        done.append(check)
        if not is_json:
            mark, colour = marks[check.state]
            click.echo(f"{click.style(mark, fg=colour)}  {check.what:<15}{check.detail}")
    if is_json:
        click.echo(json.dumps([asdict(check) for check in done], indent=2))
    raise SystemExit(FAILED if any(check.state is State.WRONG for check in done) else 0)
