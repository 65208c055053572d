"""What whoever starts the engine adds to its pages: sections of its own, and what an engine cannot know by itself.

An engine knows what reached it. What was sent, which faults were on and what a month costs, somebody else knows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from fastapi import APIRouter


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the navigation, and the routes behind it."""

    path: str
    title: str
    router: APIRouter


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A fault that was on."""

    what: str
    start: datetime
    end: datetime | None  # None: it is on


@dataclass(frozen=True, slots=True)
class BillLine:
    """One category of a projected month."""

    category: str
    used: Decimal  # in the category's unit
    included: Decimal
    price: Decimal
    low: Decimal  # 95 % interval of the price
    high: Decimal


@dataclass(frozen=True, slots=True)
class Projection:
    """What a month costs if it goes on as in a span of time."""

    plan: str
    currency: str
    base: Decimal  # whatever the volume
    total: Decimal
    low: Decimal  # 95 % interval, from the number of items that it stands on
    high: Decimal
    lines: tuple[BillLine, ...]
    prices_as_of: str


def _no_faults(since: datetime, until: datetime) -> Sequence[Disturbance]:  # noqa: ARG001 - a signature
    return ()


def _no_bill(accepted: Mapping[str, int], span: timedelta) -> Projection | None:  # noqa: ARG001 - a signature
    return None


def _nothing_sent(since: datetime, until: datetime) -> Mapping[str, int]:  # noqa: ARG001 - a signature
    return {}


@dataclass(frozen=True, slots=True)
class Extension:
    """All of it; an engine that runs alone has the defaults."""

    sections: tuple[Section, ...] = ()
    templates: str | None = None  # package with a folder `templates`
    # Faults that were on in [since, until).
    faults: Callable[[datetime, datetime], Sequence[Disturbance]] = field(default=_no_faults)
    # Accepted items by category, and the production time in which they came -> a month of that.
    bill: Callable[[Mapping[str, int], timedelta], Projection | None] = field(default=_no_bill)
    # Requests by endpoint that callers sent in [since, until), before any sampling; empty where nobody counted.
    sent: Callable[[datetime, datetime], Mapping[str, int]] = field(default=_nothing_sent)

    @property
    def is_counted(self) -> bool:
        """Whether anybody counts what is sent."""
        return self.sent is not _nothing_sent
