"""A Sentry that is there already: self-hosted, or whichever one SENTRY_URL names. Only its web API is used.

Each rehearsal makes a project, integrations and rules of its own there, under names that end in its mark: telemetry,
issues and alerts of others stay apart, and nothing of theirs is changed. At the end alerts and integrations go again;
the project stays, for people to look at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from monitors.client import SentryClient
from monitors.errors import ApiError
from monitors.fields import read_url
from monitors.model import RuleSet
from rehearsal.engines.engine import Launch
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.ports import HOST, is_ours
from rehearsal.provisioning import ORGANIZATION, TEAM, Provisioned, provision
from rehearsal.receivers import Sinkhole
from rehearsal.self_hosted.overlay import SINK_HOST
from rehearsal.self_hosted.preflight import Profile
from rehearsal.self_hosted.state import find_installed, token_file
from rehearsal.settings import Options

# A monitor is evaluated every minute, and its result goes through queues: pages come one to three minutes after the
# breach, counts of outcomes one to two minutes late. Twice that, since a small host is slower.
# Source: getsentry/self-hosted and snuba, read 2026-11; not measured.
LAG: Final = timedelta(minutes=5)
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
LEADS_TO_SINK: Final = ("sentry_app", "webhook")
SPEED: Final = 1.0  # production time


@dataclass(frozen=True, slots=True)
class Site:
    """Where that Sentry is, and how it reaches us."""

    name: str
    url: str
    token: str
    organization: str
    sink_host: str


def find_site(environ: Mapping[str, str], var: Path, sink_host: str | None) -> Site:
    """The Sentry of SENTRY_URL and SENTRY_AUTH_TOKEN, or else the self-hosted one that is installed below `var`.

    Raises EnvironmentMissingError where there is neither, UsageError where it could not reach the sink.
    """
    url, token = environ.get("SENTRY_URL", ""), environ.get("SENTRY_AUTH_TOKEN", "")
    if url and not token:
        raise UsageError("SENTRY_URL is set and SENTRY_AUTH_TOKEN is not; a rehearsal makes a project and rules there")
    if not url:
        return _installed_site(var, sink_host)
    try:
        url = read_url(url)
    except ValueError as error:
        raise UsageError(f"SENTRY_URL: {error}") from None
    if sink_host is None and urlsplit(url).hostname not in LOOPBACK:
        raise UsageError(
            f"{url} cannot send notifications to {HOST}; say at which address of this machine it reaches the sink:"
            " --sink-host ADDRESS"
        )
    organization = environ.get("SENTRY_ORG") or ORGANIZATION
    url = url.rstrip("/")
    return Site(f"Sentry at {url}", url, token, organization, sink_host or HOST)


def choose_speed(asked: float | None, *, is_ours: bool) -> float:
    """The speed that was asked for, or what is usual. Raises UsageError for another than 1 on a Sentry of others."""
    if is_ours:
        return Options().speed if asked is None else asked
    if asked not in (None, SPEED):
        raise UsageError(
            f"speed {asked:g}: that Sentry keeps production time, a minute of its windows is a minute; allowed is 1."
            " For a rehearsal in minutes: --sentry embedded"
        )
    return SPEED


def _installed_site(var: Path, sink_host: str | None) -> Site:
    installed = find_installed(var)
    if installed is None:
        raise EnvironmentMissingError(
            f"found neither SENTRY_URL nor a self-hosted Sentry below {var}, needed is one of them;"
            " next: make sentry-install, or make rehearse without SENTRY"
        )
    if installed.profile == Profile.ERRORS_ONLY:
        raise UsageError(
            f"the self-hosted Sentry below {var} is {installed.profile}, whose monitors never page: no rehearsal can"
            " hold there; install the profile feature-complete"
        )
    if sink_host is None and not is_ours(SINK_HOST):
        raise EnvironmentMissingError(
            f"found no network of the self-hosted Sentry below {var}, needed is one that runs; next: make up"
            " SENTRY=self-hosted"
        )
    token = token_file(var).read_text(encoding="ascii").strip()
    return Site(f"self-hosted Sentry {installed.release}", installed.url, token, ORGANIZATION, sink_host or SINK_HOST)


class RemoteEngine:
    """It keeps production time, and its process, disk and limits are none of ours."""

    is_ours = False

    def __init__(self, site: Site, started_at: datetime, lag: timedelta = LAG) -> None:
        self.name, self.url, self.token, self.sink_host = site.name, site.url, site.token, site.sink_host
        self.lag = lag
        self._organization = site.organization
        self._mark = f"-{started_at:%Y%m%dt%H%M%S}"

    def route(self, rules: RuleSet, sink: Sinkhole) -> dict[str, str]:  # noqa: ARG002 - the contract's
        """Refuse whom only an integration of that Sentry's own could tell: real people would be paged."""
        actions = {action for alert in rules.alerts for action in alert.actions}
        if elsewhere := sorted(f"{each.kind} {each.target}" for each in actions if each.kind not in LEADS_TO_SINK):
            raise UsageError(
                f"the rules notify {', '.join(elsewhere)}: on {self.name} that cannot be led to the sink; allowed are"
                f" {' and '.join(LEADS_TO_SINK)}"
            )
        return {}

    def start(self, launch: Launch) -> None:  # noqa: ARG002 - the contract's
        """See that it answers and takes the token."""
        try:
            with self.client() as client:
                client.projects()
        except ApiError as error:
            raise EnvironmentMissingError(
                f"{self.name}: found {error}; needed is a Sentry that answers at {self.url} and takes the token;"
                " next: rehearse doctor, or where it was stopped make up SENTRY=self-hosted"
            ) from error

    def client(self) -> SentryClient:
        return SentryClient(self.url, self.token, self._organization)

    def provision(self, name: str, rules: RuleSet, hook: Callable[[str], str], secrets: Path) -> Provisioned:
        with self.client() as client:
            teams = client.teams()
            team = TEAM if TEAM in teams else next(iter(teams), TEAM)
            return provision(client, name, rules, hook, secrets, team=team, mark=self._mark)

    def leave(self) -> None:
        """Remove our alerts and integrations; those of an earlier rehearsal that was killed carry another mark."""
        with self.client() as client:
            ours = {each.id for each in client.projects() if each.name.endswith(self._mark)}
            detectors = {each.id for project in ours for each in client.detectors(project)}
            for alert in client.workflows():
                if alert.detector_ids & detectors:
                    client.delete_workflow(alert.id)
            for app in client.sentry_apps():
                if app.name.endswith(self._mark):
                    client.delete_sentry_app(app)
