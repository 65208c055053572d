"""A dated price book, and the price of a volume by it. Amounts are Decimal: binary fractions lose cents."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal

from monitors.model import Source
from rehearsal.errors import UsageError

MAX_AGE: Final = timedelta(days=180)  # Sentry's prices changed twice in the year before this was written
CATEGORIES: Final = (
    "errors", "spans", "logs_gb", "metrics_gb", "profile_hours", "ui_profile_hours", "cron_monitors", "uptime_monitors",
    "attachments_gb", "transactions", "profiles",
)  # fmt: skip
ZERO: Final = Decimal(0)
Billing = Literal["annual", "monthly"]


@dataclass(frozen=True, slots=True)
class Quote:
    """Where a number stands, and of which day that text is."""

    name: str
    as_of: date
    where: str


@dataclass(frozen=True, slots=True)
class Band:
    """Units of a month from `start` on, up to and including `end`, at one price each."""

    start: Decimal
    end: Decimal | None  # None: no end
    reserved: Decimal | None  # per unit bought in advance; None: not sold so
    payg: Decimal  # per unit as it comes
    quote: Quote
    source: Source

    def within(self, volume: Decimal) -> Decimal:
        """Return how many of `volume` units fall into this band."""
        return max(ZERO, (volume if self.end is None else min(volume, self.end)) - self.start)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one category costs in one plan."""

    category: str
    fee: Decimal  # per month, whatever the volume
    included: Decimal  # units per month
    bands: tuple[Band, ...]  # none: more than what is included is dropped, or its price is unknown
    quote: Quote

    def overage(self, volume: Decimal) -> Decimal:
        """Return the pay-as-you-go price of what `volume` exceeds the included volume by.

        Raises UsageError if the book does not know that price.
        """
        if volume > self.included and not self.bands:
            raise UsageError(
                f"{self.category}: no price beyond the {self.included:,} included, {volume:,} were asked for"
            )
        return sum((band.within(volume) * band.payg for band in self.bands), ZERO)


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of the book with its rates."""

    name: str
    base: Decimal  # per month
    billing: Billing
    is_capped: bool  # no pay-as-you-go: beyond what is included items are dropped
    quote: Quote
    rates: tuple[Rate, ...]  # one per category

    def rate(self, category: str) -> Rate:
        """Return the rate of a category. Raises UsageError if the plan has none."""
        for rate in self.rates:
            if rate.category == category:
                return rate
        known = ", ".join(rate.category for rate in self.rates)
        raise UsageError(f"plan {self.name!r} has no price for {category!r}, it has {known}")


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Plans and prices as they were on one day."""

    name: str
    file: str
    as_of: date
    currency: str
    plans: tuple[Plan, ...]

    def plan(self, name: str) -> Plan:
        """Return a plan. Raises UsageError with the known ones for any other name."""
        for plan in self.plans:
            if plan.name == name:
                return plan
        known = ", ".join(plan.name for plan in self.plans)
        raise UsageError(f"{self.file}: no plan {name!r}, allowed are {known}")

    def warning(self, today: date) -> str | None:
        """Return why the book should not be trusted, or None while it is fresh."""
        age = today - self.as_of
        if age <= MAX_AGE:
            return None
        return f"prices in {self.file} are of {self.as_of}, {age.days} days ago; check them and use --prices FILE"
