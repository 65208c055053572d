"""Latent nodes away: a graph with unobserved nodes in, the graph over the observed ones out that says the same.

Source: Verma, Pearl 1990, "Equivalence and synthesis of causal models", UAI; Tian, Pearl 2002, "On the testable
implications of causal models with hidden variables", UAI (the latent projection).
"""

from itertools import combinations, product

import networkx as nx

from service.graph import CausalGraph, Edge


def project_latents(graph: CausalGraph) -> CausalGraph:
    """Return the graph over the observed nodes, with the same ancestors, separations and effects among them.

    An arrow stands for a directed path through latent nodes only. A bidirected edge stands for two such paths that
    start in one latent node, or at the two ends of one bidirected edge. Node order is kept; edges are sorted.
    """
    latent = frozenset(graph.latent)
    if not latent:
        return graph
    shown = _find_first_observed(graph, latent)
    nodes = tuple(node for node in graph.nodes if node not in latent)
    arrows = {(cause, seen) for cause, effect in graph.edges if cause not in latent for seen in shown[effect]}
    joined = {pair for node in latent for pair in combinations(sorted(shown[node]), 2)}
    for one, other in graph.bidirected:
        joined |= {_order(pair) for pair in product(shown[one], shown[other]) if pair[0] != pair[1]}
    return CausalGraph(nodes, tuple(sorted(arrows)), tuple(sorted(joined)))


def _find_first_observed(graph: CausalGraph, latent: frozenset[str]) -> dict[str, frozenset[str]]:
    """Map each node to where its influence first shows: itself, or what latent nodes carry it to."""
    directed: nx.DiGraph[str] = nx.DiGraph()
    directed.add_nodes_from(graph.nodes)
    directed.add_edges_from(graph.edges)
    shown: dict[str, frozenset[str]] = {}
    for node in reversed(list(nx.topological_sort(directed))):
        carried = frozenset[str]().union(*(shown[child] for child in directed.successors(node)))
        shown[node] = carried if node in latent else frozenset((node,))
    return shown


def _order(pair: Edge) -> Edge:
    return min(pair), max(pair)
