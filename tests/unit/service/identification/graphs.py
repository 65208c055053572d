"""Random graphs for the tests: small ones that can be enumerated, and the largest ones that the service accepts."""

import random
from itertools import combinations

import networkx as nx

from service.graph import EDGES_LIMIT, NODES_LIMIT, CausalGraph, Edge, build_graph

NAMES = ("x", "y", "a", "b", "c", "d")


def draw_graph(choose: random.Random, confounded: int = 5) -> CausalGraph:
    """Draw a mixed graph of 3 to 6 nodes in which x causes y, with up to `confounded` bidirected edges."""
    while True:
        nodes = list(NAMES[: choose.randint(3, 6)])
        choose.shuffle(nodes)
        pairs = list(combinations(nodes, 2))
        density = choose.uniform(0.3, 0.9)
        edges = [pair for pair in pairs if choose.random() < density]
        bidirected = choose.sample(pairs, choose.randint(0, min(confounded, len(pairs))))
        if has_effect(nodes, edges):
            return build_graph(nodes, edges, bidirected)


def has_effect(nodes: list[str], edges: list[Edge]) -> bool:
    """Tell whether a directed path leads from x to y."""
    directed: nx.DiGraph[str] = nx.DiGraph(edges)
    directed.add_nodes_from(nodes)
    return bool(nx.has_path(directed, "x", "y"))


def draw_hard_graph(choose: random.Random) -> CausalGraph:
    """Draw a graph of 5 or 6 nodes in which x and the way from x to y are confounded, but x and its children are not.

    Many of these have an estimand and no adjustment set.
    """
    while True:
        between = list(NAMES[2 : choose.randint(5, 6)])
        choose.shuffle(between)
        cut = choose.randint(0, len(between))
        nodes = [*between[:cut], "x", *between[cut:], "y"]
        edges = [pair for pair in combinations(nodes, 2) if pair != ("x", "y") and choose.random() < 0.4]
        free = [pair for pair in combinations(nodes, 2) if not ("x" in pair and pair in edges)]
        bidirected = choose.sample(free, choose.randint(2, 4))
        if has_effect(nodes, edges) and any("x" in pair for pair in bidirected):
            return build_graph(nodes, edges, bidirected)


def draw_large_graphs() -> list[tuple[str, CausalGraph]]:
    """Draw 36 graphs of NODES_LIMIT nodes: sparse to dense, little to much confounded, some with latent nodes."""
    drawn = []
    for seed in range(3):
        for edge_count in (60, 120, EDGES_LIMIT):
            for pair_count in (0, 10, 60, EDGES_LIMIT):
                graph = _draw_large(random.Random(seed), edge_count, pair_count, seed * 8)
                drawn.append((f"{edge_count} edges, {pair_count} bidirected, {seed * 8} latent", graph))
    return drawn


def _draw_large(choose: random.Random, edge_count: int, pair_count: int, latent_count: int) -> CausalGraph:
    nodes = [f"n{i}" for i in range(NODES_LIMIT)]
    nodes[NODES_LIMIT // 3], nodes[-1] = "x", "y"
    pairs = list(combinations(nodes, 2))
    latent = choose.sample(sorted(set(nodes) - {"x", "y"}), latent_count)
    edges = choose.sample(pairs, edge_count)
    return build_graph(nodes, edges, choose.sample(pairs, pair_count), latent)
