"""A month's volumes and a plan -> the bill: used, included, over, price, and when a quota or a budget is spent.

  B1  beyond what is included, items are paid as they come, by marginal bands
  B2  one pay-as-you-go budget serves all categories, first come first served; when it is spent, items are dropped until
      the month ends, each category once its own included volume is used up
  B3  a change of plan within a month prices all of the month's pay-as-you-go use by the new plan
Source: Sentry docs, pricing and pricing/quotas, read 2026-11-23. Traffic is taken to be even over the month.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rehearsal.cost.prices import ZERO, Plan, Rate
from rehearsal.cost.workload import Volume

DAYS: Final = Decimal(30)
HALVINGS: Final = 60  # 30 days / 2**60 is far below a microsecond
ONE: Final = Decimal(1)
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


def make_bill(plan: Plan, volumes: Iterable[Volume], cap: Decimal | None = None) -> Bill:
    """Return the bill of a month.

    `cap` is the pay-as-you-go budget, None for no limit. Volumes that the plan does not meter are left out.
    Raises UsageError when a volume exceeds what the price book has prices for.
    """
    metered = {volume.category: volume for volume in volumes}
    rates = [rate for rate in plan.rates if rate.category in metered]
    used = {name: _decimal(volume.mean) for name, volume in metered.items()}
    budget = ZERO if plan.is_capped else cap
    end = _spent(rates, used, budget, is_capped=plan.is_capped)  # B2
    lines = tuple(_line(rate, metered[rate.category], end, is_capped=plan.is_capped) for rate in rates)
    return Bill(
        plan=plan.name,
        base=plan.base,
        lines=lines,
        total=_total(plan, [line.price for line in lines], budget, rates),
        low=_total(plan, [line.low for line in lines], budget, rates),
        high=_total(plan, [line.high for line in lines], budget, rates),
        capped_day=None if end is None else end * DAYS,
    )


def _line(rate: Rate, volume: Volume, end: Decimal | None, *, is_capped: bool) -> Line:
    used, (low, high) = _decimal(volume.mean), map(_decimal, volume.interval)
    kept = used if end is None else max(end * used, min(used, rate.included))
    return Line(
        category=rate.category,
        used=used,
        included=rate.included,
        price=_price(rate, used, is_capped=is_capped),
        low=_price(rate, low, is_capped=is_capped),
        high=_price(rate, high, is_capped=is_capped),
        runs_out_day=rate.included / used * DAYS if used > rate.included else None,
        dropped=used - kept,
    )


def _price(rate: Rate, volume: Decimal, *, is_capped: bool) -> Decimal:
    return rate.fee + (ZERO if is_capped else rate.overage(volume))


def _total(plan: Plan, prices: list[Decimal], budget: Decimal | None, rates: list[Rate]) -> Decimal:
    fees = sum((rate.fee for rate in rates), ZERO)
    overage = sum(prices, ZERO) - fees
    return plan.base + fees + (overage if budget is None else min(overage, budget))


def _spent(rates: list[Rate], used: dict[str, Decimal], budget: Decimal | None, *, is_capped: bool) -> Decimal | None:
    """Return the share of the month after which the budget is spent, by halving; None if it lasts."""
    if is_capped:
        return _first_over(rates, used)

    def spend(share: Decimal) -> Decimal:
        return sum((rate.overage(used[rate.category] * share) for rate in rates), ZERO)

    if budget is None or spend(ONE) <= budget:
        return None
    low, high = ZERO, ONE
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if spend(middle) <= budget else (low, middle)
    return high


def _first_over(rates: list[Rate], used: dict[str, Decimal]) -> Decimal | None:
    shares = [rate.included / used[rate.category] for rate in rates if used[rate.category] > rate.included]
    return min(shares) if shares else None


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(GRAIN)
