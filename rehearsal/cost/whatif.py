"""Rates side by side: what each costs in each plan, and what it does to each monitor."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from monitors.model import Monitor
from rehearsal.cost.bill import Bill, make_bill
from rehearsal.cost.power import MONTH, Power, power, watch
from rehearsal.cost.prices import Plan
from rehearsal.cost.workload import Endpoint, Rates, volumes

SECONDS_PER_MONTH: Final = MONTH.total_seconds()


@dataclass(frozen=True, slots=True)
class Question:
    """What holds for all rates that are compared."""

    requests: float  # per month
    endpoints: tuple[Endpoint, ...]
    plans: tuple[Plan, ...]
    monitors: tuple[Monitor, ...]  # of a share of requests
    healthy: float  # share of bad requests
    degraded: float  # after the step
    cap: Decimal | None = None  # pay-as-you-go budget


@dataclass(frozen=True, slots=True)
class Watched:
    """One monitor at one choice of rates."""

    monitor: str
    power: Power | None  # None: nothing is sampled, so it never fires


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of rates with its consequences."""

    rates: Rates
    bills: tuple[Bill, ...]
    watched: tuple[Watched, ...]


def compare_rates(question: Question, choices: Iterable[Rates]) -> tuple[Choice, ...]:
    """Return each choice with its bills and its power. Raises UsageError for impossible input."""
    return tuple(_choice(question, rates) for rates in choices)


def effective_per_second(requests: float, endpoints: tuple[Endpoint, ...], rates: Rates) -> float:
    """Return how many equally sampled requests a second tell as much as these.

    A request weighs 1 / rate, so unequal rates make the estimate noisier than their number says: (sum w)^2 / sum w^2.
    Endpoints that are never sampled are not seen at all and do not count.
    Source: Kish 1965, Survey Sampling, 11.7 (effective sample size under unequal weights).
    """
    seen = [(requests * each.share, rates.of(each.name)) for each in endpoints if rates.of(each.name) > 0 < each.share]
    weight = sum(n for n, _ in seen)
    return weight**2 / sum(n / rate for n, rate in seen) / SECONDS_PER_MONTH if seen else 0.0


def _choice(question: Question, rates: Rates) -> Choice:
    metered = volumes(question.requests, question.endpoints, rates)
    per_second = effective_per_second(question.requests, question.endpoints, rates)
    return Choice(
        rates=rates,
        bills=tuple(make_bill(plan, metered, question.cap) for plan in question.plans),
        watched=tuple(Watched(each.name, _power(question, each, per_second)) for each in question.monitors),
    )


def _power(question: Question, monitor: Monitor, per_second: float) -> Power | None:
    return power(watch(monitor), per_second, question.healthy, question.degraded) if per_second > 0 else None
