"""Identification: textbook graphs, and brute force over every subset of small random graphs."""

import random
import time
from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import IslError
from service.graph import CausalGraph, Edge, build_graph
from service.identify import PATHS_LIMIT, SETS_LIMIT, identify


def _chain(*pairs: str) -> list[Edge]:
    return [(pair[0], pair[1]) for pair in pairs]


@pytest.mark.parametrize(
    ("nodes", "edges", "bidirected", "expected"),
    [
        # name of the graph, in the order of the lines: chain, fork, collider, M, bow, front-door, no effect, reverse
        ("xmy", ["xm", "my"], [], ("none-needed", (), "P(y | x)")),
        ("xyz", ["zx", "zy", "xy"], [], ("backdoor", ("z",), "Σ_{z} P(y | x, z) P(z)")),
        ("xyc", ["xy", "xc", "yc"], [], ("none-needed", (), "P(y | x)")),
        ("xym", ["xy"], ["xm", "my"], ("none-needed", (), "P(y | x)")),
        ("xy", ["xy"], ["xy"], (None, None, None)),
        ("xmy", ["xm", "my"], ["xy"], (None, None, None)),
        ("xyz", ["zx", "zy"], [], ("none-needed", None, "P(y)")),
        ("xy", ["yx"], [], ("none-needed", None, "P(y)")),
        # the butterfly: z blocks the fork but opens a collider, so one of a and b is needed with it
        ("xyzab", ["xy", "zx", "zy", "az", "bz", "ax", "by"], [], ("backdoor", ("a", "z"), None)),
    ],
)
def test_textbook_graphs(
    nodes: str, edges: list[str], bidirected: list[str], expected: tuple[str | None, tuple[str, ...] | None, str | None]
) -> None:
    graph = build_graph(list(nodes), _chain(*edges), _chain(*bidirected))
    found = identify(graph, "x", "y")
    method, minimal, estimand = expected
    assert (found.method, found.minimal_set) == (method, minimal)
    assert found.estimand == estimand or (estimand is None and method is not None)
    assert found.status == ("identifiable" if method else "not_identifiable_by_adjustment")


def test_butterfly_lists_both_sets() -> None:
    graph = build_graph(list("xyzab"), _chain("xy", "zx", "zy", "az", "bz", "ax", "by"))
    assert identify(graph, "x", "y").adjustment_sets == (("a", "z"), ("b", "z"))


def test_latent_confounding_is_named_as_the_reason() -> None:
    graph = build_graph(["x", "y"], [("x", "y")], [("x", "y")])
    assert "unobserved" in identify(graph, "x", "y").reason


def test_paths_are_drawn_shortest_first() -> None:
    graph = build_graph(list("xyzw"), _chain("xy", "zx", "zy", "wz"), _chain("xw"))
    assert identify(graph, "x", "y").backdoor_paths == ("x ← z → y", "x ↔ w → z → y")


@pytest.mark.parametrize(
    ("treatment", "outcome", "code"),
    [("q", "y", "ISL_NODE_NOT_FOUND"), ("x", "q", "ISL_NODE_NOT_FOUND"), ("x", "x", "ISL_VALIDATION_ERROR")],
)
def test_bad_pair_has_its_code(treatment: str, outcome: str, code: str) -> None:
    with pytest.raises(IslError) as caught:
        identify(build_graph(["x", "y"], [("x", "y")]), treatment, outcome)
    assert caught.value.code.name == code


def test_checkpoint_is_passed_once() -> None:
    calls: list[int] = []
    identify(build_graph(["x", "y"], [("x", "y")]), "x", "y", lambda: calls.append(1))
    assert calls == [1]


@st.composite
def mixed_graphs(draw: st.DrawFn) -> CausalGraph:
    """Random acyclic mixed graphs of 2 to 6 nodes; `a` is the treatment, `b` the outcome, anywhere in the order."""
    nodes = "abcdef"[: draw(st.integers(2, 6))]
    pairs = list(combinations(draw(st.permutations(list(nodes))), 2))
    edges = [pair for pair in pairs if draw(st.booleans())]
    bidirected = [pair for pair in pairs if draw(st.integers(0, 3)) == 0]
    return build_graph(list(nodes), edges, bidirected)


def _brute_force(graph: CausalGraph) -> list[tuple[str, ...]]:
    """Try every subset against the backdoor criterion as the book words it, keep those without a smaller one."""
    dag = graph.to_dag()
    cut: nx.DiGraph[str] = nx.DiGraph([edge for edge in dag.edges if edge[0] != "a"])
    cut.add_nodes_from(dag)
    affected: set[str] = nx.descendants(dag, "a")
    candidates = sorted(set(graph.nodes) - affected - {"a", "b"})
    minimal: list[tuple[str, ...]] = []
    for size in range(len(candidates) + 1):
        for chosen in combinations(candidates, size):
            if not any(set(each) <= set(chosen) for each in minimal) and nx.is_d_separator(cut, "a", "b", set(chosen)):
                minimal.append(chosen)
    return minimal


@settings(max_examples=300, deadline=None, derandomize=True)
@given(mixed_graphs())
def test_identification_equals_brute_force(graph: CausalGraph) -> None:
    found = identify(graph, "a", "b")
    if "b" not in nx.descendants(graph.to_dag(), "a"):
        assert (found.method, found.minimal_set, found.estimand) == ("none-needed", None, "P(b)")
        return
    expected = _brute_force(graph)
    assert list(found.adjustment_sets) == expected
    assert (found.minimal_set in expected) if expected else (found.status == "not_identifiable_by_adjustment")


@pytest.mark.parametrize("seed", range(5))
def test_largest_graph_is_answered_at_once_and_within_the_limits(seed: int) -> None:
    rng = random.Random(seed)
    nodes = [f"n{i}" for i in range(50)]
    edges = rng.sample(list(combinations(nodes, 2)), 200)
    bidirected = rng.sample(list(combinations(nodes, 2)), 20)
    started = time.perf_counter()
    found = identify(build_graph(nodes, edges, bidirected), "n20", "n49")
    assert time.perf_counter() - started < 5  # generous: measured 0.05 s
    assert len(found.adjustment_sets) <= SETS_LIMIT
    assert len(found.backdoor_paths) <= PATHS_LIMIT
