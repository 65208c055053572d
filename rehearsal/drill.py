"""Drills: what is done to the service and which pages that must cause."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rehearsal.disturbance import Disturbance

RELEASE: Final = "release"  # `$release` in what a page says is the release that the drill deployed


@dataclass(frozen=True, slots=True)
class ExpectedPage:
    """A page that must arrive. Spans are production time."""

    alert: str
    channel: str
    within: timedelta  # of the breach becoming possible
    resolved_within: timedelta | None  # of the recovery becoming possible; None where the alert has no recovery
    of_fault: timedelta | None = None  # the page is due so long after the fault, however slow the rules are
    says: tuple[str, ...] = ()  # each must be in the message, wherever


@dataclass(frozen=True, slots=True)
class Drill:
    """One experiment. Every page that is not expected is a failure."""

    name: str
    hypothesis: str
    lasts: timedelta  # production time, the fault included
    disturbance: Disturbance | None
    pages: tuple[ExpectedPage, ...]
    may_page: tuple[str, ...] = ()  # alerts whose page is neither expected nor wrong
    is_on_request: bool = False  # runs only when it is named: it takes long
