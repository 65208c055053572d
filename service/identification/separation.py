"""m-separation: is there an open path between two sets of a mixed graph?

Source: Richardson 2003, "Markov properties for acyclic directed mixed graphs", Scand. J. Statistics 30(1).
"""

from service.identification.mixed import MixedGraph, NodeSet


def is_connected(graph: MixedGraph, source: NodeSet, target: NodeSet, given: NodeSet) -> bool:
    """Tell whether some path from `source` to `target` is open given `given`. The three sets must be disjoint.

    Walks all paths at once. A walk goes on from a node outside `given` unless both edges point at it (a collider), and
    from a node of `given` only if both do. That a collider with a descendant in `given` is open, too, follows: the walk
    goes down to that descendant and comes back.
    """
    by_tail, by_head = source, 0  # how a path has arrived
    tails, heads = source, 0  # arrived there, and not yet followed
    while tails or heads:
        if tails:
            position = tails.bit_length() - 1
            tails ^= 1 << position
            new_tails = graph.parents[position]
            new_heads = graph.children[position] | graph.siblings[position]
        else:
            position = heads.bit_length() - 1
            heads ^= 1 << position
            new_tails = graph.parents[position] if given >> position & 1 else 0
            new_heads = graph.siblings[position] if given >> position & 1 else 0
            new_heads |= 0 if given >> position & 1 else graph.children[position]
        new_tails &= ~by_tail & ~given  # a node of `given` that is left through a tail blocks, however one came
        new_heads &= ~by_head
        if (new_tails | new_heads) & target:
            return True
        by_tail, by_head = by_tail | new_tails, by_head | new_heads
        tails, heads = tails | new_tails, heads | new_heads
    return False
