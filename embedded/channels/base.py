"""The one interface of every channel, and what it is given to say."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from embedded.store.issues import Issue
from embedded.store.monitors import Detector


@dataclass(frozen=True, slots=True)
class Notification:
    """All that a message may need at three in the morning."""

    ident: str  # the same at every attempt, so that a receiver can tell a repetition
    kind: str  # the trigger, for example first_seen_event or issue_resolved_trigger
    workflow_name: str
    action: dict[str, Any]
    issue: Issue
    issue_url: str
    detector: Detector
    value: float | None  # of the monitor; None for an error issue
    level: int
    at: datetime  # of the change
    window: timedelta  # as evaluated, so shrunk by the speed
    event: dict[str, Any] | None  # the error event that opened or reopened the issue
    environment: str | None
    since: datetime  # when the monitor left ok, or the issue was first seen
    release: str | None  # the event's, else that of the project's newest request
    runbook: str | None  # URL
    is_drill: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages to one receiver in any such span, on the machine's clock."""

    count: int
    per: timedelta


class Channel(Protocol):
    """Sends a notification to one kind of receiver."""

    @property
    def rate(self) -> Rate:
        """How fast one receiver may be sent to."""

    async def send(self, notification: Notification) -> None:
        """Return once the receiver has acknowledged it. Raises TransportError when it did not arrive."""
