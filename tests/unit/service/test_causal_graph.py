"""Graphs: what is refused, with which code."""

import pytest

from service.errors import IslError
from service.graph import Edge, build_graph


@pytest.mark.parametrize(
    ("nodes", "edges", "bidirected", "code"),
    [
        ([], [], [], "ISL_DAG_EMPTY"),
        (["x", "y", "x"], [], [], "ISL_VALIDATION_ERROR"),
        (["x", "y"], [("x", "y"), ("x", "y")], [], "ISL_VALIDATION_ERROR"),
        (["x", "y"], [], [("x", "y"), ("y", "x")], "ISL_VALIDATION_ERROR"),
        (["x"], [("x", "x")], [], "ISL_VALIDATION_ERROR"),
        (["x"], [], [("x", "x")], "ISL_VALIDATION_ERROR"),
        (["x"], [("x", "z")], [], "ISL_NODE_NOT_FOUND"),
        (["x"], [], [("x", "z")], "ISL_NODE_NOT_FOUND"),
        (["x", "y"], [("x", "y"), ("y", "x")], [], "ISL_DAG_CYCLIC"),
        (["x", "y", "z"], [("x", "y"), ("y", "z"), ("z", "x")], [], "ISL_DAG_CYCLIC"),
        ([f"n{i}" for i in range(51)], [], [], "ISL_VALIDATION_ERROR"),
    ],
)
def test_bad_graph_has_its_code(nodes: list[str], edges: list[Edge], bidirected: list[Edge], code: str) -> None:
    with pytest.raises(IslError) as caught:
        build_graph(nodes, edges, bidirected)
    assert caught.value.code.name == code
    assert caught.value.details.node_count == len(nodes)
    assert caught.value.details.edge_count == len(edges) + len(bidirected)


@pytest.mark.parametrize(
    ("latent", "code"), [(["z"], "ISL_NODE_NOT_FOUND"), (["x", "x"], "ISL_VALIDATION_ERROR")], ids=["unknown", "twice"]
)
def test_bad_latent_node_has_its_code(latent: list[str], code: str) -> None:
    with pytest.raises(IslError) as caught:
        build_graph(["x", "y"], [("x", "y")], latent=latent)
    assert caught.value.code.name == code


def test_cycle_is_named() -> None:
    with pytest.raises(IslError, match="x -> y -> x"):
        build_graph(["x", "y"], [("x", "y"), ("y", "x")])


def test_missing_nodes_are_all_named() -> None:
    with pytest.raises(IslError) as caught:
        build_graph(["x"], [("x", "b"), ("a", "x")])
    assert caught.value.details.missing_nodes == ("a", "b")
