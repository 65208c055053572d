"""What a Sentry must hold before the service can report to it: project, one integration per channel, the rules.

In: a Sentry, reached through its web API. Out: the DSN and the integrations' secrets. Safe to repeat.
Run by `rehearse`, by Docker Compose and by sentry-self-hosted/, or by hand: python -m rehearsal.provisioning --help
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import click

from monitors.client import SentryClient
from monitors.errors import MonitorsError
from monitors.load import load_rules
from monitors.model import Action, RuleSet
from monitors.plan import apply_plan, make_plan
from monitors.provision import ensure_app, ensure_project
from rehearsal.options import RULES
from rehearsal.statefile import read_json, write_json, write_text

ORGANIZATION: Final = "sentry"  # self-hosted Sentry makes this one and this team by itself, and so does the engine
TEAM: Final = "sentry"
PROJECT: Final = "isl"
HOOKED: Final = ("sentry_app", "webhook")  # kinds of action that are told by webhook
LEGACY: Final = "webhooks"  # the target that means a project's own list of addresses
DSN_FILE: Final = "SENTRY_DSN"  # named as the variable that a container makes of it
SECRETS_FILE: Final = "sink-secrets.json"
EXIT_MISSING: Final = 3


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What is there now."""

    dsn: str
    project_id: int
    changes: int  # monitors and alerts that had to be made or changed


def provision(
    client: SentryClient,
    project_name: str,
    rules: RuleSet,
    hook: Callable[[str], str],
    secrets: Path,
    *,
    team: str = TEAM,
    mark: str = "",
) -> Provisioned:
    """Make what is missing and apply the rules. Raises MonitorsError.

    `hook` gives the address of a channel's webhook. `secrets` gains the client secret of each new integration: Sentry
    shows it once, so those of earlier calls stay. `mark` ends the names of project and integrations.
    """
    actions = [each for alert in rules.alerts for each in alert.actions if each.kind in HOOKED]
    channels = sorted({each.target for each in actions} - {LEGACY})
    project = ensure_project(client, team, project_name + mark)
    for name in channels:
        _, secret = ensure_app(client, name + mark, hook(name))
        if secret:  # written one by one: what is lost here cannot be asked for again
            keep_secrets(secrets, {name: secret})
    if any(each.target == LEGACY for each in actions):
        client.set_webhooks(project.slug, [hook(LEGACY)])
    changes = apply_plan(make_plan(_marked(rules, mark), client, project), client)
    return Provisioned(client.project_keys(project.slug)[0].dsn, project.id, len(changes))


def _marked(rules: RuleSet, mark: str) -> RuleSet:
    """The rules with the integrations under their marked names."""

    def rename(action: Action) -> Action:
        is_app = action.kind in HOOKED and action.target != LEGACY
        return replace(action, target=action.target + mark) if is_app else action

    alerts = (replace(each, actions=tuple(map(rename, each.actions))) for each in rules.alerts)
    return replace(rules, alerts=tuple(alerts))


def keep_secrets(file: Path, new: Mapping[str, str]) -> None:
    """Add to the file: those of earlier calls stay."""
    write_json(file, read_json(file) | dict(new))


def rehost(dsn: str, url: str) -> str:
    """The same DSN as seen from where Sentry answers at `url`: only scheme, host and port differ."""
    parts, seen = urlsplit(dsn), urlsplit(url)
    return urlunsplit(parts._replace(scheme=seen.scheme, netloc=f"{parts.username}@{seen.netloc}"))


@click.command()
@click.option("--url", envvar="SENTRY_URL", show_envvar=True, required=True, help="Address of the Sentry.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="File with a user token of that Sentry.",
)
@click.option("--org", envvar="SENTRY_ORG", show_envvar=True, default=ORGANIZATION, help="Organisation slug.")
@click.option("--sink-url", required=True, help="The notification sink, as that Sentry reaches it.")
@click.option("--service-sees", metavar="URL", help="The Sentry as the service reaches it, where that is not --url.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where results go.")
@RULES
def main(
    url: str, token_file: Path, org: str, sink_url: str, service_sees: str | None, folder: Path, rules: Path
) -> None:
    """Provision a Sentry; write SENTRY_DSN and sink-secrets.json, mode 0600, into the folder."""

    def hook(channel: str) -> str:
        return f"{sink_url.rstrip('/')}/hooks/{channel}"

    try:
        with SentryClient(url, token_file.read_text(encoding="ascii").strip(), org) as client:
            made = provision(client, PROJECT, load_rules(rules), hook, folder / SECRETS_FILE)
    except MonitorsError as error:
        click.echo(f"provisioning: {error}", err=True)
        sys.exit(EXIT_MISSING)
    write_text(folder / DSN_FILE, rehost(made.dsn, service_sees or url))
    click.echo(f"project {PROJECT} ready, {made.changes} monitors and alerts changed", err=True)


if __name__ == "__main__":
    main()
