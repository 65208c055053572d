"""Identification as a whole: textbook graphs, and brute force over every subset of small random graphs."""

import time
from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import IslError
from service.graph import CausalGraph, build_graph
from service.identification.answer import ATTEMPTED_METHODS, Identification, NotIdentifiable
from service.identification.front_door import FRONT_DOOR_SIZE_LIMIT
from service.identification.listing import INSTRUMENTS_LIMIT, PATHS_LIMIT, SETS_LIMIT
from service.identification.rendering import TEXT_LIMIT
from service.identify import identify
from tests.unit.service.identification.graphs import draw_large_graphs

FRONT_DOOR = "Σ_{m} P(m | x) Σ_{x'} P(y | x', m) P(x')"
NAPKIN = "(Σ_{w} P(w) P(x | w, z) P(y | w, z, x)) / (Σ_{w} P(w) P(x | w, z))"


def _known(found: Identification | NotIdentifiable) -> Identification:
    assert isinstance(found, Identification)
    return found


TEXTBOOK = {
    "chain": ("x>m m>y", "none-needed", (), "P(y | x)"),
    "back-door": ("z>x z>y x>y", "backdoor", ("z",), "Σ_{z} P(y | x, z) P(z)"),
    "collider": ("x>y x>c y>c", "none-needed", (), "P(y | x)"),
    "M": ("x>y x~m m~y", "none-needed", (), "P(y | x)"),
    "M with an arrow out of the collider": ("x>y x~m m~y m>y", None, None, None),
    "M that is a confounder, too": ("x>y a>x a>m b>m b>y m>x m>y", "backdoor", ("a", "m"), None),
    "no effect": ("z>x z>y", "none-needed", None, "P(y)"),
    "reverse": ("y>x", "none-needed", None, "P(y)"),
    "front-door": ("x>m m>y x~y", "front_door", None, FRONT_DOOR),
    "smoking, tar, cancer": ("x>m m>y u>x u>y !u", "front_door", None, FRONT_DOOR),
    "two mediators": (
        "x>m x>n m>y n>y x~y",
        "front_door",
        None,
        "Σ_{m, n} P(m, n | x) Σ_{x'} P(y | x', m, n) P(x')",
    ),
    "napkin": ("w>z z>x x>y w~x w~y", "id", None, NAPKIN),
    "Verma": ("x>a a>b b>y a~y", "none-needed", (), "P(y | x)"),
    "Verma, asked about its third node": ("a>b b>x x>y b~y", "backdoor", ("b",), "Σ_{b} P(y | x, b) P(b)"),
    "front-door, mediator confounded by what is seen": (
        "x>m m>y c>m c>x c>y x~y",
        "id",
        None,
        "Σ_{c, m} P(c) P(m | c, x) Σ_{x'} P(x' | c) P(y | c, x', m)",
    ),
    "two steps, confounded crosswise": (
        "x>a a>y x~y x>b b>y a~b",
        "front_door",
        None,
        "Σ_{a, b} P(a, b | x) Σ_{x'} P(y | x', a, b) P(x')",
    ),
    "bow": ("x>y x~y", None, None, None),
    "instrument": ("z>x x>y x~y", None, None, None),
    "confounded mediator": ("x>m m>y x~m", None, None, None),
    "latent common cause": ("u>x u>y x>y !u", None, None, None),
    "latent mediator": ("x>l l>y z>x z>y !l", "backdoor", ("z",), "Σ_{z} P(y | x, z) P(z)"),
}


def read_graph(drawn: str) -> CausalGraph:
    """Read `a>b` as an arrow, `a~b` as a bidirected edge, `!a` as latent."""
    words = drawn.split()
    edges = [(word[0], word[2]) for word in words if word[1] == ">"]
    bidirected = [(word[0], word[2]) for word in words if word[1] == "~"]
    latent = [word[1] for word in words if word[0] == "!"]
    return build_graph(sorted({node for edge in edges + bidirected for node in edge}), edges, bidirected, latent)


@pytest.mark.parametrize(("drawn", "method", "minimal", "estimand"), TEXTBOOK.values(), ids=TEXTBOOK.keys())
def test_textbook_graphs(drawn: str, method: str | None, minimal: tuple[str, ...] | None, estimand: str | None) -> None:
    found = identify(read_graph(drawn), "x", "y")
    if method is None:
        assert isinstance(found, NotIdentifiable)
        return
    known = _known(found)
    assert (known.method, known.minimal_set) == (method, minimal)
    assert known.estimand == estimand or estimand is None
    assert known.lists.partial == ()


def test_butterfly_lists_both_sets() -> None:
    graph = read_graph("x>y z>x z>y a>z b>z a>x b>y")
    assert _known(identify(graph, "x", "y")).lists.adjustment_sets == (("a", "z"), ("b", "z"))


def test_a_value_that_may_be_any_is_named() -> None:
    """The napkin's z is free in the estimand, and the result is the same whatever z is."""
    assert _known(identify(read_graph(TEXTBOOK["napkin"][0]), "x", "y")).reason.endswith("at any one value of z")


def test_methods_are_listed_up_to_the_one_that_works() -> None:
    attempted = {name: identify(read_graph(drawn), "x", "y") for name, (drawn, *_) in TEXTBOOK.items()}
    assert _known(attempted["chain"]).attempted_methods == ("backdoor",)
    assert _known(attempted["front-door"]).attempted_methods == ("backdoor", "front_door")
    assert _known(attempted["napkin"]).attempted_methods == ATTEMPTED_METHODS


def test_an_available_instrument_is_named_with_the_no() -> None:
    found = identify(read_graph(TEXTBOOK["instrument"][0]), "x", "y")
    assert isinstance(found, NotIdentifiable)
    assert [str(each) for each in found.instruments] == ["z"]


def test_paths_are_drawn_shortest_first() -> None:
    found = _known(identify(read_graph("x>y z>x z>y w>z x~w"), "x", "y"))
    assert found.lists.backdoor_paths == ("x ← z → y", "x ↔ w → z → y")


@pytest.mark.parametrize(
    ("treatment", "outcome", "code"),
    [
        ("q", "y", "ISL_NODE_NOT_FOUND"),
        ("x", "q", "ISL_NODE_NOT_FOUND"),
        ("x", "x", "ISL_VALIDATION_ERROR"),
        ("x", "u", "ISL_VALIDATION_ERROR"),
        ("u", "y", "ISL_VALIDATION_ERROR"),
    ],
)
def test_bad_pair_has_its_code(treatment: str, outcome: str, code: str) -> None:
    with pytest.raises(IslError) as caught:
        identify(read_graph("x>y u>y !u"), treatment, outcome)
    assert caught.value.code.name == code


def test_checkpoints_are_passed() -> None:
    calls: list[int] = []
    identify(build_graph(["x", "y"], [("x", "y")]), "x", "y", lambda: calls.append(1))
    assert calls == [1, 1]  # before the lists, and before they are searched


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
def test_adjustment_equals_brute_force(graph: CausalGraph) -> None:
    found = identify(graph, "a", "b")
    if "b" not in nx.descendants(graph.to_dag(), "a"):
        known = _known(found)
        assert (known.method, known.minimal_set, known.estimand) == ("none-needed", None, "P(b)")
        return
    expected = _brute_force(graph)
    if isinstance(found, NotIdentifiable):
        assert expected == []
        return
    assert list(found.lists.adjustment_sets) == expected
    assert found.minimal_set == (expected[0] if expected else None)


@pytest.mark.parametrize(("name", "graph"), draw_large_graphs())
def test_largest_graphs_are_answered_at_once_and_within_the_limits(name: str, graph: CausalGraph) -> None:
    started = time.perf_counter()
    found = identify(graph, "x", "y")
    assert time.perf_counter() - started < 5, name  # generous: measured 0.3 s at most
    if isinstance(found, NotIdentifiable):
        return
    lists = found.lists
    assert max(len(lists.adjustment_sets), len(lists.front_door_sets)) <= SETS_LIMIT
    assert max(map(len, lists.front_door_sets), default=0) <= FRONT_DOOR_SIZE_LIMIT
    assert len(lists.backdoor_paths) <= PATHS_LIMIT
    assert len(lists.instruments) <= INSTRUMENTS_LIMIT
    assert len(found.estimand or "") <= TEXT_LIMIT
    assert (found.estimand is None) == any(note.startswith("estimand") for note in lists.partial)
