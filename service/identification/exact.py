"""Exact arithmetic: binary structural models, their distributions by enumeration, and estimands as numbers.

Tests prove with it that our estimands are the effects; the cross-check by y0 finds out with it whose estimand is wrong.
Every distribution is an array with one axis of length 2 per variable, in the order of a given list of names.
"""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from service.graph import CausalGraph
from service.identification.estimand import Expression, Probability, Product, Quotient, Sum

Array = NDArray[np.float64]


@dataclass
class Model:
    """A binary structural model: for each variable its parents, and P(variable = 1 | parents) by their values."""

    observed: tuple[str, ...]
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of latent variables, too
    chances: dict[str, Array] = field(default_factory=dict)  # one axis of length 2 per parent

    def distribute(self, intervention: Mapping[str, int] | None = None) -> Array:
        """Return P(observed), or P(observed | do(intervention)), by enumerating the latent variables as well."""
        intervention = intervention or {}
        latent = [name for name in self.parents if name not in self.observed]
        order = [*self.observed, *latent]
        joint: Array = np.ones((2,) * len(order))
        for name, parents in self.parents.items():
            joint = joint * self._spread(name, parents, order, intervention)
        return np.asarray(joint.sum(axis=tuple(range(len(self.observed), len(order)))))

    def _spread(self, name: str, parents: tuple[str, ...], order: list[str], intervention: Mapping[str, int]) -> Array:
        """Return P(name | parents) with one axis per name of `order`, of length 1 where it does not matter."""
        if name in intervention:
            table, axes = np.eye(2)[intervention[name]], [order.index(name)]
        else:
            chance = self.chances[name]
            table, axes = np.stack([1 - chance, chance], -1), [order.index(each) for each in (*parents, name)]
        table = np.transpose(table, np.argsort(axes))
        return table.reshape([2 if i in axes else 1 for i in range(len(order))])


def draw_model(graph: CausalGraph, choose: random.Random) -> Model:
    """Draw a model of the graph: its latent nodes, and one latent variable per bidirected edge, are explicit."""
    dag = graph.to_dag()
    model = Model(tuple(node for node in graph.nodes if node not in graph.latent))
    numbers = np.random.default_rng(choose.getrandbits(32))
    for name in nx.topological_sort(dag):
        model.parents[name] = tuple(dag.predecessors(name))
        model.chances[name] = numbers.uniform(0.05, 0.95, (2,) * len(model.parents[name]))
    return model


def find_effect(model: Model, treatment: str, outcome: str) -> Array:
    """Return P(outcome | do(treatment)) as an array [value of the treatment, value of the outcome]."""
    axis = model.observed.index(outcome)
    others = tuple(i for i in range(len(model.observed)) if i != axis)
    return np.stack([model.distribute({treatment: value}).sum(axis=others) for value in (0, 1)])


def evaluate(expression: Expression, joint: Array, names: tuple[str, ...]) -> Array:
    """Return the expression's value for all values of its free names; axes that do not matter have length 1."""
    match expression:
        case Probability(variables, given):
            return _marginal(joint, names, (*variables, *given)) / _marginal(joint, names, given)
        case Product(factors):
            return math.prod((evaluate(each, joint, names) for each in factors), start=np.ones((1,) * len(names)))
        case Sum(over, of):
            inner = evaluate(of, joint, names)
            axes = tuple(names.index(each) for each in over)
            full = np.broadcast_to(inner, [2 if i in axes else n for i, n in enumerate(inner.shape)])
            return np.asarray(full.sum(axis=axes, keepdims=True))
        case Quotient(numerator, denominator):
            return evaluate(numerator, joint, names) / evaluate(denominator, joint, names)


def _marginal(joint: Array, names: tuple[str, ...], kept: Iterable[str]) -> Array:
    return np.asarray(joint.sum(axis=tuple(names.index(each) for each in set(names) - set(kept)), keepdims=True))


def find_error(value: Array, effect: Array, names: tuple[str, ...], treatment: str, outcome: str) -> float:
    """Return the largest deviation of an evaluated estimand from [treatment, outcome], at any value of other names."""
    shape = [1] * len(names)
    shape[names.index(treatment)] = shape[names.index(outcome)] = 2
    ordered = effect if names.index(treatment) < names.index(outcome) else effect.T
    return float(np.abs(value - ordered.reshape(shape)).max())
