"""A pay-as-you-go budget over a month -> what of each category is accepted, and what is spent of it.

  P1  the budget serves all categories, first come first served; once it is spent, each category is accepted up to its
      own included volume alone
  P2  raised within the month, it counts at once: what was dropped before stays dropped
  P3  lowered, it goes down no further than to what is spent by then
Source: Sentry docs, pricing/quotas and billing, read 2026-11-23. Traffic is taken to be even over the month.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from rehearsal.cost.prices import ZERO, Rate
from rehearsal.errors import UsageError

DAYS: Final = Decimal(30)
HALVINGS: Final = 60  # 30 days / 2**60 is far below a microsecond
MAX_CHANGES: Final = 30  # one a day

Amounts = Mapping[str, Decimal]  # by category, in its unit


@dataclass(frozen=True, slots=True)
class Budget:
    """What pay-as-you-go may cost a month, and from which days on it is another amount."""

    amount: Decimal
    changes: tuple[tuple[Decimal, Decimal], ...] = ()  # (day from 0, amount), by day

    def __post_init__(self) -> None:
        days = [day for day, _ in self.changes]
        if len(days) > MAX_CHANGES:
            raise UsageError(f"cap changes {len(days)} times, allowed are {MAX_CHANGES} a month")
        if wrong := next((day for day in days if not 0 <= day < DAYS), None):
            raise UsageError(f"cap changes on day {wrong}, allowed are 0 to {DAYS - 1}")
        if days != sorted(set(days)):
            raise UsageError(f"cap changes on days {', '.join(map(str, days))}: name each day once, in their order")
        if wrong := next((amount for _, amount in (*self.changes, (ZERO, self.amount)) if not amount >= ZERO), None):
            raise UsageError(f"cap is {wrong}, allowed is an amount from 0 on")

    def spans(self) -> Iterator[tuple[Decimal, Decimal]]:
        """Yield how long each amount holds, as a share of the month, and the amount."""
        starts = [ZERO, *(day / DAYS for day, _ in self.changes), Decimal(1)]
        amounts = [self.amount, *(amount for _, amount in self.changes)]
        for amount, (start, end) in zip(amounts, pairwise(starts), strict=True):
            yield end - start, amount


@dataclass(frozen=True, slots=True)
class Spent:
    """What a month comes to under a budget."""

    accepted: Amounts
    amount: Decimal  # of the budget
    capped_at: Decimal | None  # share of the month after which it was spent for the first time; None: it lasts


def parse_budget(cap: Decimal | None, changes: Sequence[str]) -> Budget | None:
    """Read a budget and its changes, such as `15=50`; None where there is no cap. Raises UsageError."""
    if cap is None:
        if changes:
            raise UsageError(f"cap-change {changes[0]}: of what? Say the cap that the month begins with, too")
        return None
    return Budget(cap, tuple(map(_parse_change, changes)))


def _parse_change(text: str) -> tuple[Decimal, Decimal]:
    try:
        day, amount = map(Decimal, text.split("="))
    except (ArithmeticError, ValueError):
        day = amount = Decimal("NaN")
    if not (day.is_finite() and amount.is_finite()):
        raise UsageError(f"cap-change {text!r}: write DAY=AMOUNT, such as 15=50")
    return day, amount


def spend(rates: Sequence[Rate], used: Amounts, budget: Budget) -> Spent:
    """Return what a month of even traffic comes to; `used` is what arrives. Raises UsageError as Rate.overage does."""
    accepted: Amounts = dict.fromkeys(used, ZERO)
    amount, passed, capped_at = ZERO, ZERO, None
    for length, wanted in budget.spans():
        limit = max(wanted, amount)  # P3
        open_for = _lasts(rates, accepted, used, length, limit)
        accepted = _grown(accepted, used, open_for)
        amount = _price(rates, accepted) if open_for == length else limit
        if open_for < length:
            capped_at = passed + open_for if capped_at is None else capped_at
            accepted = _within_included(rates, accepted, used, length - open_for)  # P1
        passed += length
    return Spent(accepted, amount, capped_at)


def _lasts(rates: Sequence[Rate], accepted: Amounts, used: Amounts, length: Decimal, limit: Decimal) -> Decimal:
    """Return how long the limit lasts, by halving; all of `length` if it is not reached."""
    if _price(rates, _grown(accepted, used, length)) <= limit:
        return length
    low, high = ZERO, length
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _price(rates, _grown(accepted, used, middle)) <= limit else (low, middle)
    return high


def _grown(accepted: Amounts, used: Amounts, share: Decimal) -> Amounts:
    return {name: accepted[name] + each * share for name, each in used.items()}


def _within_included(rates: Sequence[Rate], accepted: Amounts, used: Amounts, share: Decimal) -> Amounts:
    grown = _grown(accepted, used, share)
    included = {rate.category: rate.included for rate in rates}
    return {name: max(accepted[name], min(each, included.get(name, ZERO))) for name, each in grown.items()}


def _price(rates: Sequence[Rate], accepted: Amounts) -> Decimal:
    return sum((rate.overage(accepted[rate.category]) for rate in rates), ZERO)
