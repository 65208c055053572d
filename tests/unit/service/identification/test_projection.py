"""Latent projection: what is separated, and who causes whom, stays the same among the observed nodes."""

import random
from itertools import combinations

import networkx as nx
import pytest

from service.graph import CausalGraph, build_graph
from service.identification.projection import project_latents
from tests.unit.service.identification.graphs import NAMES
from tests.unit.service.test_identify import read_graph


@pytest.mark.parametrize(
    ("drawn", "edges", "bidirected"),
    [
        ("l>a l>b !l", [], [("a", "b")]),
        ("a>l l>b !l", [("a", "b")], []),
        ("a>l l>b l>c !l", [("a", "b"), ("a", "c")], [("b", "c")]),
        ("l>m m>a l>b !l !m", [], [("a", "b")]),
        ("a>l l>m m>b !l !m", [("a", "b")], []),
        ("a~l l>b !l", [], [("a", "b")]),
        ("l~m l>a m>b !l !m", [], [("a", "b")]),
        ("l~m l>a m>a !l !m a>b", [("a", "b")], []),
        ("a>l b>l !l", [], []),
        ("a>l b~l l>c !l", [("a", "c")], [("b", "c")]),
        ("a>b l>a l>b !l", [("a", "b")], [("a", "b")]),
    ],
)
def test_latent_nodes_become_edges(drawn: str, edges: list[tuple[str, str]], bidirected: list[tuple[str, str]]) -> None:
    found = project_latents(read_graph(drawn))
    assert (list(found.edges), list(found.bidirected)) == (edges, bidirected)
    assert found.latent == ()


def test_a_graph_without_latent_nodes_is_left_alone() -> None:
    graph = read_graph("b>a b~a")
    assert project_latents(graph) is graph


def _draw(choose: random.Random) -> CausalGraph:
    nodes = choose.sample(NAMES, 6)
    pairs = list(combinations(nodes, 2))
    edges = [pair for pair in pairs if choose.random() < 0.45]
    return build_graph(
        nodes, edges, choose.sample(pairs, choose.randint(0, 3)), choose.sample(nodes, choose.randint(1, 3))
    )


def _list_separations(graph: CausalGraph, observed: list[str]) -> list[bool]:
    dag = graph.to_dag()
    return [
        nx.is_d_separator(dag, one, other, set(given))
        for one, other in combinations(observed, 2)
        for size in range(len(observed) - 1)
        for given in combinations([each for each in observed if each not in (one, other)], size)
    ]


def test_separations_and_causes_among_the_observed_are_kept() -> None:
    choose = random.Random(5)
    for _ in range(400):
        graph = _draw(choose)
        observed = [node for node in graph.nodes if node not in graph.latent]
        projected = project_latents(graph)
        assert list(projected.nodes) == observed
        assert _list_separations(projected, observed) == _list_separations(graph, observed)
        before, after = graph.to_dag(), projected.to_dag()
        assert all(nx.has_path(before, *pair) == nx.has_path(after, *pair) for pair in combinations(observed, 2))
