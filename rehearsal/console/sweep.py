"""One question over a grid of rates, and the cheapest of them that keeps its promises; takes half a second."""

from dataclasses import dataclass
from typing import Final

from rehearsal.cost.power import HORIZONS, Power
from rehearsal.cost.whatif import Choice, Question, compare_rates
from rehearsal.cost.workload import Rates

GRID: Final = (0.01, 0.02, 0.05, 0.10, 0.20, 0.35, 0.50, 0.75, 1.0)
WITHIN_MIN: Final = 15  # a page that comes later than this found nobody's promise
WITHIN: Final = HORIZONS.index(WITHIN_MIN)
MIN_POWER: Final = 0.95
MAX_FALSE: Final = 1.0  # pages a month and monitor


@dataclass(frozen=True, slots=True)
class Sweep:
    """All endpoints at one rate, for each rate of the grid."""

    choices: tuple[Choice, ...]
    recommended: Choice | None  # None: no rate keeps the promises


def sweep(question: Question) -> Sweep:
    """Answer the question for each rate of the grid; of two that cost the same the higher one is recommended."""
    choices = compare_rates(question, [Rates(rate) for rate in GRID])
    keeping = [each for each in choices if each.watched and keeps_all(each)]
    return Sweep(choices, min(keeping, key=lambda each: (each.bills[0].total, -each.rates.traces), default=None))


def keeps_all(choice: Choice) -> bool:
    """Does every monitor keep its promises?"""
    return all(keeps(each.power) for each in choice.watched)


def keeps(power: Power | None) -> bool:
    """Does a monitor fire surely and soon, and hardly ever for nothing?"""
    return power is not None and power.within[WITHIN] >= MIN_POWER and power.false_pages_per_month <= MAX_FALSE
