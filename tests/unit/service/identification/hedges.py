"""What a hedge is, checked condition by condition, and what it proves: two models that look alike and act differently.

Source: Shpitser, Pearl 2006, AAAI, definitions 5 and 6, and the parity construction in the proof of theorem 4.
"""

import networkx as nx
import numpy as np

from service.graph import CausalGraph
from service.identification.exact import Model
from service.identification.general import Hedge

NOISE = 0.1  # makes every combination of values possible


def list_faults(graph: CausalGraph, hedge: Hedge) -> list[str]:
    """List the conditions that the hedge for P(y | do(x)) breaks."""
    outer, inner, roots = set(hedge.forest), set(hedge.inner), set(hedge.roots)
    set_from_outside = nx.DiGraph([edge for edge in graph.edges if edge[1] != "x"])
    set_from_outside.add_nodes_from(graph.nodes)
    conditions = {
        "F' lies in F": inner < outer,
        "F has x": "x" in outer,
        "F' lacks x": "x" not in inner,
        "F' has the roots": bool(roots) and roots <= inner,
        "F is a c-forest": _is_c_forest(graph, outer, roots),
        "F' is a c-forest": _is_c_forest(graph, inner, roots),
        "the roots reach y": all(nx.has_path(set_from_outside, root, "y") for root in roots),
    }
    return [condition for condition, holds in conditions.items() if not holds]


def _is_c_forest(graph: CausalGraph, nodes: set[str], roots: set[str]) -> bool:
    """Check that bidirected edges connect the nodes, and that one child each leads all of them down to the roots.

    A forest that leaves out edges of the graph has exactly the given roots if and only if each other node has a child.
    """
    joined = nx.Graph([edge for edge in graph.bidirected if set(edge) <= nodes])
    joined.add_nodes_from(nodes)
    return nx.is_connected(joined) and set(_choose_children(graph, nodes, roots)) == nodes - roots


def _choose_children(graph: CausalGraph, nodes: set[str], roots: set[str]) -> dict[str, str]:
    return {cause: effect for cause, effect in graph.edges if {cause, effect} <= nodes and cause not in roots}


def _choose_pairs(graph: CausalGraph, hedge: Hedge) -> list[tuple[str, str]]:
    """Choose bidirected edges that span F as a tree, and F' as a part of it."""
    tree: nx.Graph[str] = nx.Graph()
    tree.add_nodes_from(hedge.forest)
    inside_first = sorted(graph.bidirected, key=lambda edge: not set(edge) <= set(hedge.inner))
    for one, other in inside_first:
        if {one, other} <= set(hedge.forest) and not nx.has_path(tree, one, other):
            tree.add_edge(one, other)
    return list(tree.edges)


def find_ways(graph: CausalGraph, hedge: Hedge) -> dict[str, str] | None:
    """Map the roots, and the nodes on their ways to y, to the next node; None if every way leads through the hedge."""
    outside = set(graph.nodes) - set(hedge.forest)
    backwards: nx.DiGraph[str] = nx.DiGraph()
    backwards.add_nodes_from({*hedge.roots, *outside, "y"})
    backwards.add_edges_from((b, a) for a, b in graph.edges if a in backwards and b in outside)
    found = nx.single_source_shortest_path(backwards, "y")
    if not set(hedge.roots) <= found.keys():
        return None
    return {node: found[node][-2] for root in hedge.roots for node in found[root] if node != "y"}


def witness(graph: CausalGraph, hedge: Hedge, ways: dict[str, str]) -> tuple[Model, Model]:
    """Build two positive models of a hedge: equal in what is observed, unequal under do(x).

    Each node of the hedge is the parity of its parents in the forests and of fair latent coins, one per bidirected edge
    of a spanning tree. In the second model F' does not listen to the rest of F. The `ways` carry the parity of the
    roots to y. All other nodes are coins.
    """
    children = _choose_children(graph, set(hedge.forest), set(hedge.roots))
    children |= _choose_children(graph, set(hedge.inner), set(hedge.roots))  # F' is a part of the forest F
    coins = {f"coin {one} {other}": {one, other} for one, other in _choose_pairs(graph, hedge)}
    noisy = {hedge.roots[0], *ways.values()}
    models = []
    for deaf in (set[str](), set(hedge.inner)):
        model = Model(graph.nodes)
        model.parents |= dict.fromkeys(coins, ())
        model.chances |= dict.fromkeys(coins, np.array(0.5))
        for node in graph.nodes:
            heard = [each for each, child in (children | ways).items() if child == node]
            heard += [coin for coin, pair in coins.items() if node in pair]
            if node in deaf:
                heard = [each for each in heard if each in deaf or coins.get(each, {""}) <= deaf]
            model.parents[node] = tuple(heard)
            model.chances[node] = _parity(len(heard), NOISE if node in noisy else 0.0)
            if node not in hedge.forest and not heard:
                model.chances[node] = np.array(0.5)
        models.append(model)
    return models[0], models[1]


def _parity(count: int, noise: float) -> np.ndarray:
    """Return P(1 | the parents' values): whether their sum is odd, turned around with probability `noise`."""
    odd = np.indices((2,) * count).sum(axis=0) % 2 if count else np.array(0)
    return np.abs(odd - noise)
