"""A month's volumes and a plan -> the bill: used, included, over, price, and when a quota or a budget is spent.

  B1  beyond what is included, items are paid as they come, by marginal bands
  B2  one pay-as-you-go budget serves all categories; what happens when it is spent or changed: budget.py
  B3  a change of plan within a month prices all of the month's pay-as-you-go use by the new plan
Source: Sentry docs, pricing and pricing/quotas, read 2026-11-23. Traffic is taken to be even over the month.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rehearsal.cost.budget import DAYS, Budget, Spent, spend
from rehearsal.cost.prices import ZERO, Plan, Rate
from rehearsal.cost.workload import Volume

GRAIN: Final = Decimal("0.000001")  # of a volume; what is finer is noise of binary fractions


@dataclass(frozen=True, slots=True)
class Line:
    """One category of a bill; volumes in the category's unit."""

    category: str
    used: Decimal
    included: Decimal
    price: Decimal  # of what is over, and of the category's own fee
    low: Decimal  # price at the lower end of the volume's 95 % interval
    high: Decimal
    runs_out_day: Decimal | None  # when the included volume is used up, from 0; None: it lasts
    dropped: Decimal  # what a cap would drop

    @property
    def over(self) -> Decimal:
        return max(ZERO, self.used - self.included)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a month costs in one plan."""

    plan: str
    base: Decimal
    lines: tuple[Line, ...]
    total: Decimal
    low: Decimal
    high: Decimal
    capped_day: Decimal | None  # when the pay-as-you-go budget is spent; None: never


def make_bill(plan: Plan, volumes: Iterable[Volume], budget: Budget | None = None) -> Bill:
    """Return the bill of a month.

    `budget` is that of pay-as-you-go, None for no limit. Volumes that the plan does not meter are left out.
    Raises UsageError when a volume exceeds what the price book has prices for.
    """
    metered = {volume.category: volume for volume in volumes}
    rates = [rate for rate in plan.rates if rate.category in metered]
    low, high = ({name: _decimal(volume.interval[end]) for name, volume in metered.items()} for end in (0, 1))
    month = _month(plan, rates, {name: _decimal(volume.mean) for name, volume in metered.items()}, budget)  # B2
    lines = tuple(_line(rate, metered[rate.category], month, is_capped=plan.is_capped) for rate in rates)
    base = plan.base + sum((rate.fee for rate in rates), ZERO)
    return Bill(
        plan=plan.name,
        base=plan.base,
        lines=lines,
        total=base + month.amount,
        low=base + _month(plan, rates, low, budget).amount,
        high=base + _month(plan, rates, high, budget).amount,
        capped_day=None if month.capped_at is None else month.capped_at * DAYS,
    )


def _month(plan: Plan, rates: list[Rate], used: dict[str, Decimal], budget: Budget | None) -> Spent:
    if plan.is_capped:
        kept = {rate.category: min(used[rate.category], rate.included) for rate in rates}
        return Spent(kept, ZERO, _first_over(rates, used))
    if budget is None:
        return Spent(used, sum((rate.overage(used[rate.category]) for rate in rates), ZERO), None)
    return spend(rates, used, budget)


def _line(rate: Rate, volume: Volume, month: Spent, *, is_capped: bool) -> Line:
    used, (low, high) = _decimal(volume.mean), map(_decimal, volume.interval)
    return Line(
        category=rate.category,
        used=used,
        included=rate.included,
        price=_price(rate, used, is_capped=is_capped),
        low=_price(rate, low, is_capped=is_capped),
        high=_price(rate, high, is_capped=is_capped),
        runs_out_day=rate.included / used * DAYS if used > rate.included else None,
        dropped=used - month.accepted[rate.category],
    )


def _price(rate: Rate, volume: Decimal, *, is_capped: bool) -> Decimal:
    return rate.fee + (ZERO if is_capped else rate.overage(volume))


def _first_over(rates: list[Rate], used: dict[str, Decimal]) -> Decimal | None:
    shares = [rate.included / used[rate.category] for rate in rates if used[rate.category] > rate.included]
    return min(shares) if shares else None


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(GRAIN)
