"""A mixed graph as bit sets, in topological order: what every identification step computes on.

A set of nodes is an int: bit i stands for the node `names[i]`. Causes come before effects, so "all nodes before v" is
`v - 1` for a set of one node, and ancestors are found in one pass. Fifty nodes fit into one machine word.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx

from service.graph import CausalGraph

NodeSet = int  # bit i: the node names[i] is in the set


@dataclass(frozen=True, slots=True)
class MixedGraph:
    """An acyclic directed mixed graph without latent nodes, or a part of one. All tuples have one entry per name."""

    names: tuple[str, ...]  # causes before effects; a part of a graph keeps the names and positions of the whole
    nodes: NodeSet  # those of `names` that are in this graph
    parents: tuple[NodeSet, ...]
    children: tuple[NodeSet, ...]
    siblings: tuple[NodeSet, ...]  # joined by a bidirected edge

    def bit(self, name: str) -> NodeSet:
        """Return the set of one named node."""
        return 1 << self.names.index(name)

    def read(self, nodes: NodeSet) -> tuple[str, ...]:
        """Name the nodes of a set, causes before effects."""
        return tuple(self.names[i] for i in iter_positions(nodes))


def to_mixed(graph: CausalGraph) -> MixedGraph:
    """Put a checked graph without latent nodes into bit sets."""
    directed: nx.DiGraph[str] = nx.DiGraph()
    directed.add_nodes_from(graph.nodes)
    directed.add_edges_from(graph.edges)
    names = tuple(nx.lexicographical_topological_sort(directed))
    position = {name: i for i, name in enumerate(names)}
    parents, siblings = [0] * len(names), [0] * len(names)
    for cause, effect in graph.edges:
        parents[position[effect]] |= 1 << position[cause]
    for one, other in graph.bidirected:
        siblings[position[one]] |= 1 << position[other]
        siblings[position[other]] |= 1 << position[one]
    return _assemble(names, (1 << len(names)) - 1, parents, siblings)


def _assemble(names: tuple[str, ...], nodes: NodeSet, parents: list[NodeSet], siblings: list[NodeSet]) -> MixedGraph:
    children = [0] * len(names)
    for i, each in enumerate(parents):
        for j in iter_positions(each):
            children[j] |= 1 << i
    return MixedGraph(names, nodes, tuple(parents), tuple(children), tuple(siblings))


def induce(graph: MixedGraph, kept: NodeSet) -> MixedGraph:
    """Return the part of the graph on `kept` (the papers' G with a set as index)."""
    inside = [kept if kept >> i & 1 else 0 for i in range(len(graph.names))]
    parents = [each & within for each, within in zip(graph.parents, inside, strict=True)]
    siblings = [each & within for each, within in zip(graph.siblings, inside, strict=True)]
    return _assemble(graph.names, graph.nodes & kept, parents, siblings)


def cut_incoming(graph: MixedGraph, nodes: NodeSet) -> MixedGraph:
    """Drop every arrowhead at `nodes`: they are set from outside (G with a bar over X)."""
    parents = [0 if nodes >> i & 1 else each for i, each in enumerate(graph.parents)]
    siblings = [0 if nodes >> i & 1 else each & ~nodes for i, each in enumerate(graph.siblings)]
    return _assemble(graph.names, graph.nodes, parents, siblings)


def cut_outgoing(graph: MixedGraph, nodes: NodeSet) -> MixedGraph:
    """Drop the arrows out of `nodes`: only their back-door paths are left (G with a bar under X)."""
    return _assemble(graph.names, graph.nodes, [each & ~nodes for each in graph.parents], list(graph.siblings))


def find_ancestors(graph: MixedGraph, nodes: NodeSet) -> NodeSet:
    """Return `nodes` and everything that causes them (An)."""
    found = nodes
    for i in reversed(range(len(graph.names))):
        if found >> i & 1:
            found |= graph.parents[i]
    return found


def find_descendants(graph: MixedGraph, nodes: NodeSet) -> NodeSet:
    """Return `nodes` and everything that they cause (De)."""
    found = nodes
    for i in range(len(graph.names)):
        if found >> i & 1:
            found |= graph.children[i]
    return found


def spread(neighbours: tuple[NodeSet, ...], start: NodeSet, within: NodeSet) -> NodeSet:
    """Return `start` and everything in `within` that a chain of neighbours connects with it."""
    found = frontier = start
    while frontier:
        position = frontier.bit_length() - 1
        new = neighbours[position] & within & ~found
        frontier = frontier & ~(1 << position) | new
        found |= new
    return found


def list_districts(graph: MixedGraph) -> list[NodeSet]:
    """Return the sets that bidirected edges connect (c-components, C(G)), by their first node."""
    found, rest = [], graph.nodes
    while rest:
        found.append(spread(graph.siblings, rest & -rest, graph.nodes))
        rest &= ~found[-1]
    return found


def iter_positions(nodes: NodeSet) -> Iterator[int]:
    """Yield the positions of a set's nodes, causes before effects."""
    while nodes:
        lowest = nodes & -nodes
        yield lowest.bit_length() - 1
        nodes ^= lowest


def iter_singles(nodes: NodeSet) -> Iterator[NodeSet]:
    """Yield the nodes of a set as sets of one, causes before effects."""
    while nodes:
        lowest = nodes & -nodes
        yield lowest
        nodes ^= lowest
