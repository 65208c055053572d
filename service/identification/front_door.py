"""Front-door sets: mediators that carry the whole effect and share no open confounding with either end.

Source: Pearl 2009, "Causality", 2nd edition, definition 3.3.3 and theorem 3.3.4 (the front-door criterion).
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

from service.identification.estimand import Expression, Probability, multiply, sum_out
from service.identification.mixed import (
    MixedGraph,
    NodeSet,
    cut_outgoing,
    find_ancestors,
    find_descendants,
    induce,
    iter_singles,
)
from service.identification.separation import is_connected

FRONT_DOOR_SIZE_LIMIT: Final = 3  # nodes in a set; a person can defend the assumptions for a few mediators at most
FRONT_DOOR_CHECKS_LIMIT: Final = 2_000  # sets looked at, 0.15 s at most; a 50-node graph can have 18,472 up to size 3


@dataclass(frozen=True, slots=True)
class FrontDoorSets:
    """Minimal front-door sets, smaller ones first."""

    sets: tuple[tuple[str, ...], ...]
    is_complete: bool  # every set up to FRONT_DOOR_SIZE_LIMIT was looked at


def find_front_door_sets(graph: MixedGraph, x: NodeSet, y: NodeSet, limit: int) -> FrontDoorSets:
    """List up to `limit` front-door sets of which no part is one, up to FRONT_DOOR_SIZE_LIMIT nodes each.

    Assumes that x causes y. Only ancestors of y are tried: in any front-door set the other nodes can be left out.
    """
    cut = cut_outgoing(graph, x)
    above = find_ancestors(graph, y) & ~(x | y)
    candidates = [each for each in iter_singles(above) if not is_connected(cut, x, each, 0)]  # condition (ii)
    found: list[NodeSet] = []
    checks = 0
    for size in range(1, FRONT_DOOR_SIZE_LIMIT + 1):
        for chosen in combinations(candidates, size):
            if checks == FRONT_DOOR_CHECKS_LIMIT or len(found) > limit:
                return _report(graph, found[:limit], is_complete=False)
            checks += 1
            m = sum(chosen)
            if not any(each & m == each for each in found) and _is_front_door(graph, x, y, m):
                found.append(m)
    return _report(graph, found[:limit], is_complete=len(found) <= limit)


def _report(graph: MixedGraph, found: list[NodeSet], *, is_complete: bool) -> FrontDoorSets:
    return FrontDoorSets(tuple(graph.read(each) for each in found), is_complete)


def _is_front_door(graph: MixedGraph, x: NodeSet, y: NodeSet, m: NodeSet) -> bool:
    """Check conditions (i), m is on every directed path, and (iii), x blocks the back-door paths from m to y."""
    if find_descendants(induce(graph, graph.nodes & ~m), x) & y:
        return False
    return not is_connected(cut_outgoing(graph, m), m, y, x)


def build_front_door_estimand(x: str, y: str, mediators: tuple[str, ...]) -> Expression:
    """Return Σ_m P(m | x) Σ_x' P(y | x', m) P(x') (theorem 3.3.4)."""
    inner = sum_out(multiply([Probability((y,), (x, *mediators)), Probability((x,))]), (x,))
    return sum_out(multiply([Probability(mediators, (x,)), inner]), mediators)
