"""A causal graph: nodes, arrows and latent confounding, checked once so that every later step can trust it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import networkx as nx

from service.errors import Details, ErrorCode, IslError

NODES_LIMIT: Final = 50  # a graph that a person drew; keeps the worst identification in milliseconds
EDGES_LIMIT: Final = 200  # arrows, and as many confounding edges again

Edge = tuple[str, str]
# Called wherever a computation can stop: past its deadline it raises from there, and so do faults on purpose.
Checkpoint = Callable[[], None]


def no_checkpoint() -> None:
    """Do nothing: the checkpoint of a computation that nobody disturbs."""


@dataclass(frozen=True, slots=True)
class CausalGraph:
    """An acyclic directed mixed graph (ADMG). Build it with `build_graph`, which checks it."""

    nodes: tuple[str, ...]  # the latent ones too
    edges: tuple[Edge, ...]  # (cause, effect)
    bidirected: tuple[Edge, ...]  # both share an unobserved cause
    latent: tuple[str, ...] = ()  # nodes that nobody observes; `identification.projection` takes them out

    def to_dag(self) -> "nx.DiGraph[str]":
        """Return the canonical DAG: one latent parent per bidirected edge.

        Source: Richardson 2003, "Markov properties for acyclic directed mixed graphs", Scand. J. Statistics 30(1).
        """
        dag: nx.DiGraph[str] = nx.DiGraph()
        dag.add_nodes_from(self.nodes)
        dag.add_edges_from(self.edges)
        for index, pair in enumerate(self.bidirected):
            dag.add_edges_from((latent_name(index), node) for node in pair)
        return dag


def latent_name(index: int) -> str:
    """Name the latent parent of bidirected edge number `index`. No observed node can have this name."""
    return f"<latent {index}>"


def build_graph(
    nodes: Sequence[str], edges: Sequence[Edge], bidirected: Sequence[Edge] = (), latent: Sequence[str] = ()
) -> CausalGraph:
    """Check and freeze a graph.

    Raises IslError: ISL_DAG_EMPTY, ISL_VALIDATION_ERROR (limits, duplicates, self-loops), ISL_NODE_NOT_FOUND (an edge
    or `latent` names an unknown node), ISL_DAG_CYCLIC.
    """
    graph = CausalGraph(tuple(nodes), tuple(edges), tuple(bidirected), tuple(latent))
    if not graph.nodes:
        raise IslError(ErrorCode.ISL_DAG_EMPTY, "The graph has no nodes", _sizes(graph))
    failures = _find_failures(graph)
    if failures:
        message = "The graph is not well-formed"
        raise IslError(ErrorCode.ISL_VALIDATION_ERROR, message, _sizes(graph, validation_failures=tuple(failures)))
    require_nodes(graph, [node for edge in (*graph.edges, *graph.bidirected, graph.latent) for node in edge])
    _require_acyclic(graph)
    return graph


def sort_graph(graph: CausalGraph) -> CausalGraph:
    """Put nodes and edges in one order, so that the answer depends on the graph and not on how it was written down."""
    bidirected = sorted((min(pair), max(pair)) for pair in graph.bidirected)
    return CausalGraph(
        tuple(sorted(graph.nodes)), tuple(sorted(graph.edges)), tuple(bidirected), tuple(sorted(graph.latent))
    )


def require_nodes(graph: CausalGraph, names: Sequence[str]) -> None:
    """Raise IslError (ISL_NODE_NOT_FOUND) naming every one of `names` that the graph lacks."""
    missing = tuple(sorted(set(names) - set(graph.nodes)))
    if missing:
        message = f"The graph has no node {', '.join(missing)}"
        raise IslError(ErrorCode.ISL_NODE_NOT_FOUND, message, _sizes(graph, missing_nodes=missing))


def _find_failures(graph: CausalGraph) -> list[str]:
    failures = []
    if len(graph.nodes) > NODES_LIMIT:
        failures.append(f"nodes: found {len(graph.nodes)}, allowed: {NODES_LIMIT}")
    if max(len(graph.edges), len(graph.bidirected)) > EDGES_LIMIT:
        failures.append(f"edges: found {len(graph.edges)} and {len(graph.bidirected)}, allowed: {EDGES_LIMIT} each")
    failures += [f"nodes: {node} is listed twice" for node, count in Counter(graph.nodes).items() if count > 1]
    failures += [f"latent: {node} is listed twice" for node, count in Counter(graph.latent).items() if count > 1]
    failures += [f"edges: {a} -> {b} is listed twice" for (a, b), count in Counter(graph.edges).items() if count > 1]
    undirected = Counter(frozenset(edge) for edge in graph.bidirected)
    failures += [
        f"bidirected: {' <-> '.join(sorted(e))} is listed twice" for e, count in undirected.items() if count > 1
    ]
    failures += [f"edges: {a} points to itself" for a, b in (*graph.edges, *graph.bidirected) if a == b]
    return failures


def _require_acyclic(graph: CausalGraph) -> None:
    try:
        cycle = nx.find_cycle(nx.DiGraph(list(graph.edges)))
    except nx.NetworkXNoCycle:
        return
    path = " -> ".join([edge[0] for edge in cycle] + [cycle[0][0]])
    raise IslError(ErrorCode.ISL_DAG_CYCLIC, f"The graph has a cycle: {path}", _sizes(graph))


def _sizes(
    graph: CausalGraph,
    validation_failures: tuple[str, ...] | None = None,
    missing_nodes: tuple[str, ...] | None = None,
) -> Details:
    return Details(
        validation_failures=validation_failures,
        missing_nodes=missing_nodes,
        node_count=len(graph.nodes),
        edge_count=len(graph.edges) + len(graph.bidirected),
    )
