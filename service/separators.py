"""All minimal sets of nodes that d-separate two nodes of a DAG, one after another, up to a limit.

A minimal d-separator lies among the ancestors of the pair, where it is a minimal separator of the moral graph
(van der Zander, Liskiewicz, Textor 2014, "Constructing separators and adjustment sets in ancestral graphs", UAI).
Those are listed from one to the next with polynomial delay (Shen, Liang 1997, "Efficient enumeration of
all minimal separators in a graph", Theoretical Computer Science 180).
"""

from collections import deque
from collections.abc import Iterator
from itertools import combinations

import networkx as nx

NodeSet = frozenset[str]


def iter_minimal_separators(dag: "nx.DiGraph[str]", x: str, y: str, allowed: NodeSet) -> Iterator[NodeSet]:
    """Yield every minimal Z within `allowed` that d-separates x from y, each once; none if no such set exists."""
    graph = _moralise(dag, x, y)
    # Nodes that may not be in Z cannot be removed, only passed through: a shortcut between their neighbours says so.
    for node in set(graph) - allowed - {x, y}:
        _bypass(graph, node)
    if graph.has_edge(x, y):
        return
    yield from _iter_vertex_separators(graph, x, y)


def _moralise(dag: "nx.DiGraph[str]", x: str, y: str) -> "nx.Graph[str]":
    """Return the moral graph of the ancestors of the pair: parents of a common child are joined."""
    ancestors = nx.ancestors(dag, x) | nx.ancestors(dag, y) | {x, y}
    return nx.moral_graph(dag.subgraph(ancestors))


def _bypass(graph: "nx.Graph[str]", node: str) -> None:
    graph.add_edges_from(list(combinations(graph.neighbors(node), 2)))
    graph.remove_node(node)


def _iter_vertex_separators(graph: "nx.Graph[str]", x: str, y: str) -> Iterator[NodeSet]:
    """Start at the separator nearest to x and push one of its nodes to x's side at a time."""
    first = _nearest_separator(graph, {x}, y)
    seen, queue = {first}, deque([first])
    while queue:
        separator = queue.popleft()
        yield separator
        side = _component(graph, separator, x)
        for node in sorted(separator):
            if graph.has_edge(node, y):
                continue  # nothing is left between this node and y
            pushed = _nearest_separator(graph, side | {node}, y)
            if pushed not in seen:
                seen.add(pushed)
                queue.append(pushed)


def _nearest_separator(graph: "nx.Graph[str]", side: set[str], y: str) -> NodeSet:
    """Return the border, towards y, of everything in or next to `side`. It is minimal: each node touches both sides."""
    border = nx.node_boundary(graph, side)
    return frozenset(nx.node_boundary(graph, _component(graph, border, y)))


def _component(graph: "nx.Graph[str]", removed: set[str] | NodeSet, start: str) -> set[str]:
    return set(nx.node_connected_component(graph.subgraph(set(graph) - removed), start))
