"""Two answers to one question in, where they differ out: the verdicts, and the numbers in one drawn model of the graph.

In that model the effect itself is known by enumeration, so what is found is not only that two estimands differ but
which of them is wrong.
"""

import random
from dataclasses import dataclass
from typing import Final, Literal

from service.graph import CausalGraph, Checkpoint
from service.identification.estimand import Expression
from service.identification.exact import draw_model, evaluate, find_effect, find_error

# Enumerating 16 binary variables twice takes up to 0.1 s, and ten nodes take y0 up to 60 ms: measured, random graphs.
NODES_LIMIT: Final = 10  # observed ones
VARIABLES_LIMIT: Final = 16  # observed nodes, and one latent variable for each bidirected edge
SEED: Final = 18  # one model for all times: the same graph is never right today and wrong tomorrow
TOLERANCE: Final = 1e-6  # rounding is below 1e-12; two estimands that differ, differ by percents

Reason = Literal["verdict_differs", "estimand_differs"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be reported."""

    reason: Reason
    message: str  # free of names and numbers of the caller's


def is_small(observed: CausalGraph) -> bool:
    """Tell whether a graph without latent nodes can be enumerated and is no burden for y0."""
    nodes = len(observed.nodes)
    return nodes <= NODES_LIMIT and nodes + len(observed.bidirected) <= VARIABLES_LIMIT


def compare(
    observed: CausalGraph, treatment: str, outcome: str, ours: Expression | None, checkpoint: Checkpoint
) -> Difference | None:
    """Ask y0 about a small graph without latent nodes; return how its answer differs from ours, None if it does not.

    An estimand that is None says that there is none. Raises whatever y0 raises. To be called in a process that has
    read `y0_answer`.
    """
    from service.cross_check.y0_answer import ask_y0  # not above: the worker reads this module, and is to stay small

    theirs = ask_y0(observed, treatment, outcome)
    checkpoint()
    if ours is None or theirs is None:
        return _compare_verdicts(ours, theirs)
    return _compare_estimands(observed, treatment, outcome, ours, theirs)


def _compare_verdicts(ours: Expression | None, theirs: Expression | None) -> Difference | None:
    if ours is theirs:
        return None
    finder, other = ("y0", "we") if ours is None else ("We", "y0")
    return Difference("verdict_differs", f"{finder} found an estimand where {other} found a hedge")


def _compare_estimands(
    observed: CausalGraph, treatment: str, outcome: str, ours: Expression, theirs: Expression
) -> Difference | None:
    """Hold both against the effect. A wrong estimand is off by some amount in all models but a vanishing share."""
    model = draw_model(observed, random.Random(SEED))  # noqa: S311  # drawn, not secret
    joint, effect = model.distribute(), find_effect(model, treatment, outcome)
    own, other = (
        find_error(evaluate(each, joint, model.observed), effect, model.observed, treatment, outcome)
        for each in (ours, theirs)
    )
    if max(own, other) < TOLERANCE:
        return None
    message = f"In a drawn model the estimand of y0 is off by {other:.1g} and ours by {own:.1g}"
    return Difference("estimand_differs", message)
