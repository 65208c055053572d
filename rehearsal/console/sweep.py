"""One question over a grid of rates, and the advice of `rehearse recommend` on it; takes a second or two."""

from dataclasses import dataclass
from typing import Final

from rehearsal.cost.power import HORIZONS, Power
from rehearsal.cost.recommend import Advice, Promise, recommend_rates
from rehearsal.cost.whatif import Choice, Question, compare_rates
from rehearsal.cost.workload import Rates

GRID: Final = (0.01, 0.02, 0.05, 0.10, 0.20, 0.35, 0.50, 0.75, 1.0)
PROMISE: Final = Promise(
    false_pages=1.0, power=0.95, within=15, budget=None
)  # what `rehearse recommend` takes unless told
WITHIN: Final = HORIZONS.index(PROMISE.within)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is said of a question beside the rates that were asked for."""

    choices: tuple[Choice, ...]  # all endpoints at one rate, for each rate of the grid
    advice: Advice


def sweep(question: Question) -> Sweep:
    """Answer the question for each rate of the grid, and recommend rates. Raises UsageError for impossible input."""
    return Sweep(compare_rates(question, [Rates(rate) for rate in GRID]), recommend_rates(question, PROMISE))


def keeps(power: Power | None) -> bool:
    """Does a monitor keep the promise?"""
    return not PROMISE.broken(power)


def count_keeping(choice: Choice) -> int:
    """How many monitors do."""
    return sum(keeps(each.power) for each in choice.watched)
