"""All minimal sets of nodes that separate two nodes of a mixed graph, one after another, up to a limit.

A minimal m-separator lies among the ancestors of the pair, where it is a minimal separator of the moral graph
(van der Zander, Liskiewicz, Textor 2014, "Constructing separators and adjustment sets in ancestral graphs", UAI).
Those are listed from one to the next with polynomial delay (Shen, Liang 1997, "Efficient enumeration of
all minimal separators in a graph", Theoretical Computer Science 180).
"""

from collections import deque
from collections.abc import Iterator

from service.identification.mixed import (
    MixedGraph,
    NodeSet,
    find_ancestors,
    induce,
    iter_positions,
    iter_singles,
    list_districts,
    spread,
)

Neighbours = tuple[NodeSet, ...]  # an undirected graph


def iter_minimal_separators(graph: MixedGraph, x: NodeSet, y: NodeSet, allowed: NodeSet) -> Iterator[NodeSet]:
    """Yield every minimal Z within `allowed` that m-separates x from y, each once; none if no such set exists."""
    neighbours = _moralise(graph, x | y, allowed)
    if _border(neighbours, x) & y:
        return
    yield from _iter_vertex_separators(neighbours, x, y)


def find_nearest_separator(graph: MixedGraph, x: NodeSet, y: NodeSet, allowed: NodeSet) -> NodeSet | None:
    """Return the minimal Z within `allowed` that m-separates x from y closest to x; None if no set does."""
    neighbours = _moralise(graph, x | y, allowed)
    return None if _border(neighbours, x) & y else _separate_nearest(neighbours, x, y)


def _moralise(graph: MixedGraph, pair: NodeSet, allowed: NodeSet) -> Neighbours:
    """Return the moral graph of the ancestors of the pair, on the pair and the allowed nodes.

    A district and its parents are joined pairwise: colliders connect them. A node that may not be in Z cannot be
    removed, only passed through: its neighbours are joined instead.
    """
    part = induce(graph, find_ancestors(graph, pair))
    neighbours = [0] * len(graph.names)
    for district in list_districts(part):
        clique = district
        for i in iter_positions(district):
            clique |= part.parents[i]
        _join(neighbours, clique)
    for node in iter_singles(part.nodes & ~(allowed | pair)):
        _join(neighbours, neighbours[node.bit_length() - 1])
        neighbours = [each & ~node for each in neighbours]
        neighbours[node.bit_length() - 1] = 0
    return tuple(neighbours)


def _join(neighbours: list[NodeSet], clique: NodeSet) -> None:
    for node in iter_singles(clique):
        neighbours[node.bit_length() - 1] |= clique & ~node


def _iter_vertex_separators(neighbours: Neighbours, x: NodeSet, y: NodeSet) -> Iterator[NodeSet]:
    """Start at the separator nearest to x and push one of its nodes to x's side at a time."""
    first = _separate_nearest(neighbours, x, y)
    seen, queue = {first}, deque([first])
    while queue:
        separator = queue.popleft()
        yield separator
        side = spread(neighbours, x, ~separator)
        for node in iter_singles(separator):
            if _border(neighbours, node) & y:
                continue  # nothing is left between this node and y
            pushed = _separate_nearest(neighbours, side | node, y)
            if pushed not in seen:
                seen.add(pushed)
                queue.append(pushed)


def _separate_nearest(neighbours: Neighbours, side: NodeSet, y: NodeSet) -> NodeSet:
    """Return the border, towards y, of everything in or next to `side`. It is minimal: each node touches both sides."""
    return _border(neighbours, spread(neighbours, y, ~_border(neighbours, side)))


def _border(neighbours: Neighbours, side: NodeSet) -> NodeSet:
    """Return the nodes outside of `side` that are next to it."""
    found = 0
    for i in iter_positions(side):
        found |= neighbours[i]
    return found & ~side
