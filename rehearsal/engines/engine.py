"""The contract of an engine: the stack knows no more of its Sentry than this."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from monitors.client import SentryClient
from monitors.model import RuleSet
from rehearsal.processes import Child
from rehearsal.provisioning import Provisioned
from rehearsal.receivers import Sinkhole


class Launch(Protocol):
    """Starts a process of the stack; `listens` names the ports that it is to hold."""

    def __call__(self, name: str, argv: list[str], environ: dict[str, str], *listens: str) -> Child: ...


class Engine(Protocol):
    """A Sentry: it receives telemetry, evaluates monitors, and tells the sink."""

    @property
    def name(self) -> str:
        """As reports say it."""

    @property
    def url(self) -> str:
        """Of its web API, as this machine reaches it."""

    @property
    def token(self) -> str:
        """Of its web API; once it has started."""

    @property
    def sink_host(self) -> str:
        """The address of this machine at which it reaches the sink."""

    @property
    def is_ours(self) -> bool:
        """Its process, disk and limits are ours too, so that a drill may stop it, look into it, or limit it."""

    @property
    def lag(self) -> timedelta:
        """How late it may show, or page for, what it accepted; wall time, beyond what its monitors take anyway."""

    def route(self, rules: RuleSet, sink: Sinkhole) -> dict[str, str]:
        """Lead every chat, on-call tool and mailbox of the rules to the sink; before `start`. Returns their secrets.

        Raises UsageError where that cannot be done.
        """

    def start(self, launch: Launch) -> None:
        """Start it, or see that it is there. Raises EnvironmentMissingError."""

    def client(self) -> SentryClient:
        """A client of its web API; the caller closes it."""

    def provision(self, name: str, rules: RuleSet, hook: Callable[[str], str], secrets: Path) -> Provisioned:
        """Make the project, one integration per channel, the monitors and the alerts. Raises MonitorsError."""

    def leave(self) -> None:
        """Take away what would page without us; after the rehearsal, once or more often. Raises MonitorsError."""
