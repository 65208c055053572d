"""A linear graph of which neither the arrows nor their strengths are certain, and options to compare on it.

Each arrow exists with a probability and then has a normally distributed strength; a node is the sum of its causes times
the strengths of the arrows that exist. One draw of all arrows is one possible world.
Source: Bollen 1989, "Structural equations with latent variables", chapter 4 (linear structural equations).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import networkx as nx
import numpy as np

from service.counterfactual import VALUE_LIMIT
from service.errors import Details, ErrorCode, IslError
from service.expressions import Column
from service.graph import CausalGraph, build_graph, require_nodes
from service.scenarios import Objective

STRENGTH_LIMIT: Final = 100.0  # of a mean or a std; 49 arrows in a row then stay within a float
SETTING_LIMIT: Final = 1e6  # of what an option sets a node to, for the same reason


@dataclass(frozen=True, slots=True)
class UncertainEdge:
    """An arrow that may not be there."""

    cause: str
    effect: str
    exists_probability: float
    mean: float  # of the strength, given that it exists
    std: float

    @property
    def name(self) -> str:
        """Name it for people."""
        return f"{self.cause} -> {self.effect}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that could be done: nodes, and the values that they are set to."""

    id: str
    interventions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Question:
    """A checked request. Build it with `build_question`."""

    order: tuple[str, ...]  # the goal and all that leads to it, causes first
    edges: tuple[UncertainEdge, ...]  # those between them: the others change nothing
    choices: tuple[Choice, ...]
    goal: str
    objective: Objective


def build_question(
    nodes: Sequence[str],
    edges: Sequence[UncertainEdge],
    choices: Sequence[Choice],
    goal: str,
    objective: Objective,
) -> Question:
    """Check a question, and leave out what cannot change the goal.

    Raises IslError: those of `build_graph`, ISL_NODE_NOT_FOUND, ISL_INVALID_INTERVENTION (an option sets nothing),
    ISL_DAG_DISCONNECTED (nothing that an option sets leads to the goal).
    """
    graph = build_graph(nodes, [(each.cause, each.effect) for each in edges])
    require_nodes(graph, [goal, *(name for each in choices for name in each.interventions)])
    for place, each in enumerate(choices):
        if not each.interventions:
            details = Details(validation_failures=(f"options.{place}.interventions: empty",))
            raise IslError(ErrorCode.ISL_INVALID_INTERVENTION, "An option sets no node", details)
    dag = graph.to_dag()
    leading = nx.ancestors(dag, goal) | {goal}
    _require_connection(graph, choices, goal, leading)
    return Question(
        order=tuple(name for name in nx.lexicographical_topological_sort(dag) if name in leading),
        edges=tuple(each for each in edges if each.effect in leading),
        choices=tuple(choices),
        goal=goal,
        objective=objective,
    )


def draw_effects(edges: Sequence[UncertainEdge], count: int, rng: np.random.Generator) -> Column:
    """Draw the strength of each arrow, 0 where it does not exist, float64 (edges, count)."""
    columns = [np.array([[getattr(each, name)] for each in edges]) for name in ("exists_probability", "mean", "std")]
    exists, means, stds = (column.reshape(-1, 1) for column in columns)
    shape = (len(edges), count)
    return np.where(rng.random(shape) < exists, rng.normal(means, np.abs(stds), shape), 0.0)  # numpy refuses -0.0


def propagate(question: Question, effects: Column, without: int | None = None) -> Column:
    """Compute the goal under every option, float64 (options, worlds). What nothing sets or causes is 0.

    `without` is the index of an arrow to leave out. Raises IslError (ISL_INVALID_MODEL) where a goal is too large.
    """
    into: dict[str, list[int]] = {name: [] for name in question.order}
    for index, edge in enumerate(question.edges):
        if index != without:
            into[edge.effect].append(index)
    values: dict[str, Column] = {}
    for name in question.order:
        value = np.zeros((len(question.choices), effects.shape[1]))
        for index in into[name]:
            value += effects[index] * values[question.edges[index].cause]
        for row, choice in enumerate(question.choices):
            if name in choice.interventions:
                value[row] = choice.interventions[name]
        values[name] = value
    _require_bounded(values[question.goal])
    return values[question.goal]


def _require_connection(graph: CausalGraph, choices: Sequence[Choice], goal: str, leading: set[str]) -> None:
    if not any(name in leading for each in choices for name in each.interventions):
        message = f"No option sets {goal} or anything that leads to it"
        details = Details(node_count=len(graph.nodes), edge_count=len(graph.edges))
        raise IslError(ErrorCode.ISL_DAG_DISCONNECTED, message, details)


def _require_bounded(goals: Column) -> None:
    if not (np.abs(goals) <= VALUE_LIMIT).all():  # worded so that nan fails, too
        message = f"The goal goes beyond {VALUE_LIMIT:g} in some worlds"
        raise IslError(ErrorCode.ISL_INVALID_MODEL, message, Details(reason="not_finite"))
