"""Separation, front-door sets and instruments against brute force with networkx over all subsets."""

import random
from collections.abc import Iterator
from itertools import combinations

import networkx as nx

from service.graph import CausalGraph, build_graph
from service.identification.front_door import FRONT_DOOR_SIZE_LIMIT, find_front_door_sets
from service.identification.instruments import find_instruments
from service.identification.mixed import cut_incoming, cut_outgoing, to_mixed
from service.identification.separation import is_connected
from tests.unit.service.identification.graphs import draw_graph, draw_hard_graph

GRAPHS = 1_000


def _draw() -> Iterator[CausalGraph]:
    choose = random.Random(6)
    for _ in range(GRAPHS // 2):
        yield draw_graph(choose)
        yield draw_hard_graph(choose)


def _subsets(names: list[str], largest: int) -> Iterator[tuple[str, ...]]:
    for size in range(largest + 1):
        yield from combinations(names, size)


def _cut(dag: "nx.DiGraph[str]", nodes: set[str]) -> "nx.DiGraph[str]":
    cut: nx.DiGraph[str] = nx.DiGraph([edge for edge in dag.edges if edge[0] not in nodes])
    cut.add_nodes_from(dag)
    return cut


def test_separation_equals_that_of_the_graph_with_explicit_latent_nodes() -> None:
    for graph in _draw():
        mixed, dag = to_mixed(graph), graph.to_dag()
        for given in _subsets([node for node in graph.nodes if node not in ("x", "y")], 4):
            bits = sum(mixed.bit(each) for each in given)
            found = is_connected(mixed, mixed.bit("x"), mixed.bit("y"), bits)
            assert found != nx.is_d_separator(dag, "x", "y", set(given))


def test_cuts_drop_what_they_say() -> None:
    graph = to_mixed(build_graph(list("axz"), [("a", "x"), ("x", "z")], [("a", "x"), ("a", "z")]))
    x = graph.bit("x")
    assert cut_incoming(graph, x) == to_mixed(build_graph(list("axz"), [("x", "z")], [("a", "z")]))
    assert cut_outgoing(graph, x) == to_mixed(build_graph(list("axz"), [("a", "x")], [("a", "x"), ("a", "z")]))


def _is_front_door(dag: "nx.DiGraph[str]", m: set[str]) -> bool:
    """Check the three conditions of the book on the graph with explicit latent nodes."""
    without = dag.subgraph(set(dag) - m)
    intercepts = not nx.has_path(without, "x", "y")
    unconfounded = all(nx.is_d_separator(_cut(dag, {"x"}), "x", each, set()) for each in m)
    return intercepts and unconfounded and nx.is_d_separator(_cut(dag, m), m, {"y"}, {"x"})


def test_front_door_sets_equal_brute_force() -> None:
    seen = 0
    for graph in _draw():
        dag = graph.to_dag()
        minimal: list[set[str]] = []
        for chosen in _subsets([each for each in graph.nodes if each not in ("x", "y")], FRONT_DOOR_SIZE_LIMIT):
            if chosen and not any(each <= set(chosen) for each in minimal) and _is_front_door(dag, set(chosen)):
                minimal.append(set(chosen))
        mixed = to_mixed(graph)
        found = find_front_door_sets(mixed, mixed.bit("x"), mixed.bit("y"), 20)
        assert found.is_complete
        assert sorted(map(sorted, found.sets)) == sorted(map(sorted, minimal))
        seen += len(minimal)
    assert seen > 100


def _list_instruments(dag: "nx.DiGraph[str]", observed: list[str]) -> set[tuple[str, frozenset[str]]]:
    """Return every node with every set to condition on that makes it an instrument."""
    cut = _cut(dag, {"x"})
    unaffected = [each for each in observed if each not in ("x", "y") and each not in nx.descendants(dag, "x")]
    return {
        (z, frozenset(given))
        for z in unaffected
        for given in _subsets([each for each in unaffected if each != z], 4)
        if nx.is_d_separator(cut, z, "y", set(given)) and not nx.is_d_separator(dag, z, "x", set(given))
    }


def test_instruments_are_instruments_and_one_is_found_wherever_there_is_one() -> None:
    seen = 0
    for graph in _draw():
        mixed = to_mixed(graph)
        possible = _list_instruments(graph.to_dag(), list(graph.nodes))
        found = {(each.name, frozenset(each.given)) for each in find_instruments(mixed, mixed.bit("x"), mixed.bit("y"))}
        assert found <= possible
        assert bool(found) == bool(possible)
        unconditional = {name for name, given in possible if not given}
        assert {name for name, given in found if not given} == unconditional
        seen += len(found)
    assert seen > 100
