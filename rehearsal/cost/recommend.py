"""A question and promises -> the cheapest sample rates that keep them, what binds, and what to change where none can.

  1 alone       each monitor at a rate of 1.0; one that breaks a promise even then gets alternatives: longer windows,
                higher thresholds, a count of failures instead of their share; the best of them stands in for it
  2 shape       rates of endpoints relate as 1 / sqrt(spans per request), so that a window tells most for its spans:
                minimise sum n r s for a given sum n / r (Lagrange; the allocation of Cochran 1977, Sampling Techniques,
                5.5, with costs)
  3 level       the lowest level of that shape at which every monitor keeps its promises, by halving a grid
  4 for nothing the highest level that costs no more than that one: included volume is paid for whether used or not
  5 budget      does the cheapest plan's bill fit? if not, what the budget buys
Power only grows with the level in this model, and false pages fall, but for levels at which a window is almost empty:
those fire too seldom to keep a promise of power.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from math import sqrt
from typing import Final

from monitors.model import Monitor, Priority, parse_aggregate
from rehearsal.cost.bill import Bill, make_bill
from rehearsal.cost.mix import seen_by
from rehearsal.cost.power import HORIZONS, Power
from rehearsal.cost.watched import watched_power
from rehearsal.cost.whatif import Question, Watched
from rehearsal.cost.workload import Rates, volumes
from rehearsal.errors import UsageError

# Of the endpoint with the most spans; others are above it.
GRID: Final = (
    0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5,
    0.6, 0.7, 0.8, 0.9, 1.0,
)  # fmt: skip
WINDOWS: Final = tuple(timedelta(minutes=each) for each in (1, 5, 10, 15, 30, 60, 120, 240, 1440))  # that Sentry takes
RAISED: Final = (1.2, 1.4, 1.6, 1.8)  # times the threshold of a share
MOST_FAILURES: Final = 100_000
CENT: Final = Decimal("0.01")
DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Promise:
    """What every monitor has to keep."""

    false_pages: float  # a month, at most
    power: float  # probability to page in time, at least
    within: int  # minutes; one of HORIZONS
    budget: Decimal | None  # a month, all of it

    def __post_init__(self) -> None:
        if not 0 < self.power < 1:
            raise UsageError(f"power is {self.power:g}, allowed is a probability between 0 and 1")
        if not self.false_pages >= 0:
            raise UsageError(f"false pages are {self.false_pages:g}, allowed is a number from 0 on")

    def broken(self, found: Power | None) -> tuple[str, ...]:
        """Return what a monitor does not keep, as half sentences."""
        if found is None:
            return ("it never fires: nothing is sampled",)
        said = []
        if (surely := found.within[HORIZONS.index(self.within)]) < self.power:
            said.append(f"fires within {self.within} min with {surely:.2f}, promised is {self.power:g}")
        if found.false_pages_per_month > self.false_pages:
            said.append(
                f"pages falsely {found.false_pages_per_month:.3g} times a month, allowed is {self.false_pages:g}"
            )
        return tuple(said)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A change of a rule that does what no rate can."""

    change: str  # the lines of the rule
    power: Power  # at a rate of 1.0
    is_kept: bool  # does it keep the promises?


@dataclass(frozen=True, slots=True)
class Hopeless:
    """A monitor that breaks a promise at a rate of 1.0."""

    monitor: str
    where: str  # file and line
    broken: tuple[str, ...]
    alternatives: tuple[Alternative, ...]  # those that keep the promises, else the nearest; the first is taken


@dataclass(frozen=True, slots=True)
class Advice:
    """What to run."""

    rates: Rates
    bill: Bill  # of the cheapest plan
    full_price: Decimal  # of that plan at rates of 1.0
    watched: tuple[Watched, ...]  # with alternatives in the place of hopeless monitors
    hopeless: tuple[Hopeless, ...]
    binds: tuple[str, ...]  # why not lower and why not higher, as sentences
    is_within_budget: bool
    are_promises_kept: bool  # of all monitors, alternatives taken


def recommend_rates(question: Question, promise: Promise, profiles: float = 0.0) -> Advice:
    """Return the cheapest rates that keep the promise, by the steps above. Raises UsageError for impossible input."""
    found = _Search(question, promise, profiles)
    hopeless = found.replace_hopeless()  # 1
    lowest = found.lowest_level()  # 3
    level, plan_bill = found.free_level(lowest)  # 4
    rates = found.rates(level)
    fits = promise.budget is None or plan_bill.total <= promise.budget  # 5
    watched = found.watched(rates)
    return Advice(
        rates=rates,
        bill=plan_bill,
        full_price=found.bill(Rates(1.0, profiles=profiles), plan_bill.plan).total,
        watched=watched,
        hopeless=hopeless,
        binds=tuple(found.explain(lowest, level, plan_bill)),
        is_within_budget=fits,
        are_promises_kept=all(not promise.broken(each.power) for each in watched),
    )


class _Search:
    def __init__(self, question: Question, promise: Promise, profiles: float) -> None:
        self._question, self._promise, self._profiles = question, promise, profiles
        self._monitors = list(question.monitors)
        self._most_spans = max(each.spans for each in question.endpoints)

    def rates(self, level: float) -> Rates:
        """The shape at a level (2); routes that have the commonest rate are left to the default."""
        shaped = {
            each.name: _neat(min(1.0, level * sqrt(self._most_spans / each.spans))) for each in self._question.endpoints
        }
        values = list(shaped.values())
        default = max(sorted(set(values)), key=values.count)
        routes = {name: rate for name, rate in shaped.items() if rate != default}
        return Rates(default, routes, self._profiles)

    def watched(self, rates: Rates) -> tuple[Watched, ...]:
        return tuple(Watched(each.name, self._power(each, rates)) for each in self._monitors)

    def bill(self, rates: Rates, plan: str | None = None) -> Bill:
        """The bill of a plan, or of the cheapest one that drops nothing."""
        asked = self._question
        metered = volumes(asked.requests, asked.endpoints, rates, asked.beside)
        bills = [make_bill(each, metered) for each in asked.plans if plan in (None, each.name)]
        whole = [bill for bill in bills if not any(line.dropped for line in bill.lines)]
        return min(whole or bills, key=lambda bill: bill.total)

    def replace_hopeless(self) -> tuple[Hopeless, ...]:
        """Find the monitors that break a promise at 1.0, and let the best alternative stand in for each (1)."""
        found = []
        for number, monitor in enumerate(self._monitors):
            if broken := self._promise.broken(self._power(monitor, Rates(1.0))):
                tried = list(self._alternatives(monitor))
                kept = [each for each in tried if each[1].is_kept]
                chosen = kept or sorted(tried, key=lambda each: each[1].power.false_pages_per_month)[:1]
                found.append(Hopeless(monitor.name, str(monitor.source), broken, tuple(each for _, each in chosen)))
                if chosen:
                    self._monitors[number] = chosen[0][0]
        return tuple(found)

    def lowest_level(self) -> float:
        """The lowest level that keeps all promises; the highest if none does."""
        low, high = 0, len(GRID) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_kept(GRID[middle]) else (middle + 1, high)
        return GRID[high]

    def free_level(self, lowest: float) -> tuple[float, Bill]:
        """The highest level that costs no more than the lowest, with its bill."""
        least = self.bill(self.rates(lowest))
        for level in reversed(GRID):
            bill = self.bill(self.rates(level))
            if level >= lowest and bill.total <= least.total + CENT:
                return level, bill
        return lowest, least

    def explain(self, lowest: float, level: float, bill: Bill) -> Iterator[str]:
        budget = self._promise.budget
        if level == GRID[-1]:
            yield f"Every request can be traced: at {level:g} the bill is what it is at {lowest:g}, {bill.total:.2f}."
        elif level > lowest:
            yield f"Included volume is paid for: up to {level:g} nothing is added to the bill of {lowest:g}."
        if lowest > GRID[0]:
            below = GRID[GRID.index(lowest) - 1]
            for each in self.watched(self.rates(below)):
                for broken in self._promise.broken(each.power):
                    yield f"{each.monitor} binds: at {below:g} of the route with most spans it {broken}."
        if budget is not None and bill.total > budget:
            yield f"The budget does not reach: these rates cost {bill.total:.2f}, it is {budget:.2f}."
            yield from self._within_budget(budget)

    def _within_budget(self, budget: Decimal) -> Iterator[str]:
        for level in reversed(GRID):
            bill = self.bill(self.rates(level))
            if bill.total <= budget:
                broken = [
                    f"{each.monitor} {what}"
                    for each in self.watched(self.rates(level))
                    for what in self._promise.broken(each.power)
                ]
                yield f"It buys {level:g} ({bill.plan}, {bill.total:.2f}): {'; '.join(broken) or 'all promises kept'}."
                return
        least = self.bill(self.rates(GRID[0]))
        dearest = max(least.lines, key=lambda line: line.price)
        if least.base > budget:
            yield f"It is below the base of every plan; the cheapest is {least.base:.2f} ({least.plan})."
        else:
            yield (
                f"No traces rate fits it: {dearest.category} alone cost {dearest.price:.2f} beyond the base of"
                f" {least.base:.2f} ({least.plan}); filter what is known, or limit the key's rate."
            )

    def _is_kept(self, level: float) -> bool:
        rates = self.rates(level)
        return not any(self._promise.broken(self._power(each, rates)) for each in self._monitors)

    def _power(self, monitor: Monitor, rates: Rates) -> Power | None:
        asked = self._question
        return watched_power(monitor, asked.per_second, asked.endpoints, rates, asked.step)

    def _alternatives(self, monitor: Monitor) -> Iterator[tuple[Monitor, Alternative]]:
        """Rules that are tried in the place of a monitor, each with what it does at 1.0, the gentlest change first."""
        for changed, lines in (*_windows(monitor), *_thresholds(monitor), *self._counts(monitor)):
            power = self._power(changed, Rates(1.0))
            if power is not None:
                yield changed, Alternative(lines, power, not self._promise.broken(power))

    def _counts(self, monitor: Monitor) -> Iterator[tuple[Monitor, str]]:
        """A count of failures in the place of their share: the lowest that keeps quiet."""
        if monitor.aggregate.function != "failure_rate" or not seen_by(monitor, self._question.endpoints):
            return
        counting = replace(monitor, aggregate=parse_aggregate("failure_count()"))
        low, high = 0, MOST_FAILURES
        while low < high:
            middle = (low + high) // 2
            found = self._power(_with_limit(counting, middle), Rates(1.0))
            is_quiet = found is not None and found.false_pages_per_month <= self._promise.false_pages
            low, high = (low, middle) if is_quiet else (middle + 1, high)
        yield _with_limit(counting, high), f'aggregate: failure_count(), high: "> {high}"'


def _windows(monitor: Monitor) -> Iterator[tuple[Monitor, str]]:
    for window in WINDOWS:
        if window > monitor.window:
            minutes = window // timedelta(minutes=1)
            text = f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
            yield replace(monitor, window=window), f"window: {text}"


def _thresholds(monitor: Monitor) -> Iterator[tuple[Monitor, str]]:
    if monitor.aggregate.function != "failure_rate":
        return
    limit = next(each.value for each in monitor.thresholds if each.priority is Priority.HIGH)
    for times in RAISED:
        raised = round(limit * times, DIGITS)
        if raised < 1:
            yield _with_limit(monitor, raised), f'high: "> {raised:g}"'


def _with_limit(monitor: Monitor, limit: float) -> Monitor:
    """The monitor with one threshold, of high priority, above which it fires and at which it is over."""
    by_priority = {each.priority: each for each in monitor.thresholds}
    high = replace(by_priority[Priority.HIGH], comparison="gt", value=limit)
    over = replace(by_priority[Priority.RESOLVED], comparison="lte", value=limit)
    return replace(monitor, thresholds=(high, over))


def _neat(rate: float) -> float:
    """Two digits, upwards: what is promised stays promised."""
    scale = 10 ** (3 if rate < 0.1 else 2)
    return min(1.0, -(-round(rate * scale, 6) // 1) / scale)
