"""Rates side by side: what each costs in each plan, and what it does to each monitor."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from monitors.model import Monitor
from rehearsal.cost.bill import Bill, make_bill
from rehearsal.cost.budget import Budget
from rehearsal.cost.power import MONTH, Power
from rehearsal.cost.prices import Plan
from rehearsal.cost.watched import TIMES, Step, watched_power
from rehearsal.cost.workload import NOTHING_BESIDE, Beside, Endpoint, Rates, volumes
from rehearsal.errors import UsageError

SECONDS_PER_MONTH: Final = MONTH.total_seconds()


@dataclass(frozen=True, slots=True)
class Question:
    """What holds for all rates that are compared."""

    requests: float  # per month
    endpoints: tuple[Endpoint, ...]
    plans: tuple[Plan, ...]
    monitors: tuple[Monitor, ...]
    healthy: float  # share of bad requests
    degraded: float  # after the step that is to be seen
    budget: Budget | None = None  # of pay-as-you-go; None: no limit
    beside: Beside = NOTHING_BESIDE  # metered beside errors and traces
    times: float = TIMES  # durations and traffic change by this factor

    @property
    def step(self) -> Step:
        """What is to be seen. Raises UsageError for shares outside of 0 to 1 and factors below 1."""
        return Step(self.healthy, self.degraded, self.times)

    @property
    def per_second(self) -> float:
        """Requests."""
        return self.requests / SECONDS_PER_MONTH


@dataclass(frozen=True, slots=True)
class Watched:
    """One monitor at one choice of rates."""

    monitor: str
    power: Power | None  # None: nothing is sampled, so it never fires


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of rates with its consequences."""

    rates: Rates
    bills: tuple[Bill, ...]  # one for each plan
    watched: tuple[Watched, ...]  # one for each monitor


def compare_rates(question: Question, choices: Iterable[Rates]) -> tuple[Choice, ...]:
    """Return each choice with its bills and its power.

    The one way to these numbers, for the command line and for pages; a choice takes about 20 ms for each monitor, and
    one that was asked before next to nothing. Raises UsageError for impossible input, and for monitors that no model
    knows: see `without_unknown`.
    """
    return tuple(_choice(question, rates) for rates in choices)


def without_unknown(question: Question) -> tuple[tuple[Monitor, ...], tuple[str, ...]]:
    """Return the monitors whose power is known, and why each of the others is not."""
    known, why = [], []
    for each in question.monitors:
        try:
            watched_power(each, question.per_second, question.endpoints, Rates(1.0), question.step)
            known.append(each)
        except UsageError as error:
            why.append(str(error))
    return tuple(known), tuple(why)


def _choice(question: Question, rates: Rates) -> Choice:
    metered = volumes(question.requests, question.endpoints, rates, question.beside)
    return Choice(
        rates=rates,
        bills=tuple(make_bill(plan, metered, question.budget) for plan in question.plans),
        watched=tuple(Watched(each.name, _power(question, each, rates)) for each in question.monitors),
    )


def _power(question: Question, monitor: Monitor, rates: Rates) -> Power | None:
    return watched_power(monitor, question.per_second, question.endpoints, rates, question.step)
