"""A structural causal model: equations, distributions of what has no equation, checked before anything is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import networkx as nx
import numpy as np

from service.errors import Details, ErrorCode, IslError
from service.expressions import Column, Expression, parse_expression

MAGNITUDE_LIMIT: Final = 1e12  # of any parameter or set value; keeps numpy's samplers within what they were made for
SHAPE_MINIMUM: Final = 1e-3  # of beta's shapes and exponential's scale; below, draws collapse to 0 and nan

Draw = Callable[[np.random.Generator, Mapping[str, float], int], Column]


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of distribution."""

    parameters: tuple[str, ...]  # all are required, no others are known
    draw: Draw  # float64 (n,)
    allows: Callable[[Mapping[str, float]], bool]
    allowed: str  # the same in words


FAMILIES: Final[dict[str, Family]] = {
    "normal": Family(
        ("mean", "std"), lambda rng, p, n: rng.normal(p["mean"], p["std"], n), lambda p: p["std"] >= 0, "std >= 0"
    ),
    "uniform": Family(
        ("min", "max"),
        lambda rng, p, n: rng.uniform(p["min"], p["max"], n),
        lambda p: p["min"] <= p["max"],
        "min <= max",
    ),
    "beta": Family(
        ("alpha", "beta"),
        lambda rng, p, n: rng.beta(p["alpha"], p["beta"], n),
        lambda p: min(p["alpha"], p["beta"]) >= SHAPE_MINIMUM,
        f"alpha and beta >= {SHAPE_MINIMUM:g}",
    ),
    "exponential": Family(
        ("scale",),
        lambda rng, p, n: rng.exponential(p["scale"], n),
        lambda p: p["scale"] >= SHAPE_MINIMUM,
        f"scale >= {SHAPE_MINIMUM:g}",
    ),
}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A checked distribution. Build it with `parse_distribution`."""

    family: Family
    parameters: Mapping[str, float]

    def draw(self, rng: np.random.Generator, count: int) -> Column:
        """Draw float64 (count,)."""
        return self.family.draw(rng, self.parameters, count)


@dataclass(frozen=True, slots=True)
class StructuralModel:
    """An acyclic model: each variable has an equation, a distribution, or neither (then it must be set or unused)."""

    variables: frozenset[str]  # every name that the model knows
    equations: Mapping[str, Expression]
    distributions: Mapping[str, Distribution]
    order: tuple[str, ...]  # every variable after all that it reads

    @property
    def edge_count(self) -> int:
        """Number of arrows: reads of one variable by another."""
        return sum(len(equation.names) for equation in self.equations.values())


def parse_distribution(where: str, family_name: str, parameters: Mapping[str, float]) -> Distribution:
    """Check one distribution. Raises IslError (ISL_INVALID_DISTRIBUTION): unknown, incomplete or out of range."""
    family = FAMILIES.get(family_name)
    if family is None:
        raise _refuse_distribution(where, f"found {family_name!r}, allowed: {', '.join(FAMILIES)}")
    if set(parameters) != set(family.parameters):
        found = ", ".join(sorted(parameters)) or "none"
        raise _refuse_distribution(where, f"{family_name} takes {', '.join(family.parameters)}, found {found}")
    if max(abs(value) for value in parameters.values()) > MAGNITUDE_LIMIT or not family.allows(parameters):
        raise _refuse_distribution(where, f"{family_name} needs {family.allowed}, all within {MAGNITUDE_LIMIT:g}")
    unsigned = {name: value + 0.0 for name, value in parameters.items()}  # numpy refuses -0.0 as a negative spread
    return Distribution(family, unsigned)


def build_model(
    variables: Sequence[str], equations: Mapping[str, str], distributions: Mapping[str, Distribution]
) -> StructuralModel:
    """Parse the equations, check the names and order the variables.

    A distribution may name a variable that `variables` does not list: pure noise needs no listing.
    Raises IslError: ISL_INVALID_EQUATION, ISL_MISSING_VARIABLE, ISL_INVALID_MODEL (two sources, a cycle).
    """
    known = frozenset(variables) | frozenset(distributions)
    parsed = {name: parse_expression(name, text) for name, text in equations.items()}
    read = frozenset().union(*(equation.names for equation in parsed.values()))
    require_variables(known, frozenset(parsed) | read)
    both = sorted(set(parsed) & set(distributions))
    if both:
        message = f"Both an equation and a distribution define {', '.join(both)}"
        raise IslError(ErrorCode.ISL_INVALID_MODEL, message, Details(reason="defined_twice"))
    return StructuralModel(known, parsed, distributions, _order(known, parsed))


def require_variables(known: frozenset[str], used: frozenset[str]) -> None:
    """Raise IslError (ISL_MISSING_VARIABLE) naming all of `used` that the model does not know."""
    missing = tuple(sorted(used - known))
    if missing:
        message = f"The model does not define {', '.join(missing)}"
        raise IslError(ErrorCode.ISL_MISSING_VARIABLE, message, Details(missing_nodes=missing))


def _order(known: frozenset[str], equations: Mapping[str, Expression]) -> tuple[str, ...]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(known))
    graph.add_edges_from((cause, name) for name, equation in equations.items() for cause in equation.names)
    try:
        return tuple(nx.lexicographical_topological_sort(graph))
    except nx.NetworkXUnfeasible:
        cycle = " -> ".join(edge[0] for edge in nx.find_cycle(graph))
        message = f"The equations are circular: {cycle}"
        raise IslError(ErrorCode.ISL_INVALID_MODEL, message, Details(reason="circular_equations")) from None


def _refuse_distribution(where: str, problem: str) -> IslError:
    message = f"The distribution of {where} cannot be used: {problem}"
    details = Details(validation_failures=(f"{where}: {problem}",))
    return IslError(ErrorCode.ISL_INVALID_DISTRIBUTION, message, details)
