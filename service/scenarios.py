"""Several interventions on one model, computed on common random numbers, and their comparison.

The noise of a variable has a stream of its own (`counterfactual`), so draw i is the same world under each scenario: the
difference of two scenarios carries their effect and not the luck of two samples.
Source: Owen 2013, "Monte Carlo theory, methods and examples", section 8.6 (common random numbers).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.counterfactual import Prediction, summarise
from service.expressions import Column

Objective = Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One scenario among the others, in the outcome's own unit."""

    prediction: Prediction
    win_probability: float
    difference: Prediction  # of it less the first scenario, draw by draw


def compare(draws: Sequence[Column], objective: Objective) -> tuple[Compared, ...]:
    """Compare float64 (n,) columns of common draws; the first is the baseline."""
    table = np.stack(draws)
    wins = share_wins(table, objective)
    return tuple(
        Compared(summarise(column), float(share), summarise(column - table[0]))
        for column, share in zip(table, wins, strict=True)
    )


def share_wins(table: NDArray[np.float64], objective: Objective) -> NDArray[np.float64]:
    """Return the share of draws that each row of (k, n) wins, float64 (k,); rows that tie in a draw split it."""
    best = table.max(axis=0) if objective == "maximize" else table.min(axis=0)
    is_best = table == best
    shares: NDArray[np.float64] = (is_best / is_best.sum(axis=0)).mean(axis=1)
    return shares
