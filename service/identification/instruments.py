"""Instruments: observed nodes that move the treatment and reach the outcome through it alone.

Source: Pearl 2009, "Causality", 2nd edition, definition 7.4.1; van der Zander, Textor, Liskiewicz 2015, "Efficiently
finding conditional instruments for causal analysis", IJCAI: whenever some node has such a set, some node
has one that this finds.
"""

from dataclasses import dataclass

from service.identification.mixed import MixedGraph, NodeSet, cut_outgoing, find_descendants, iter_singles
from service.identification.separation import is_connected
from service.separators import find_nearest_separator


@dataclass(frozen=True, slots=True)
class Instrument:
    """A (conditional) instrument. It identifies the effect only under more assumptions, such as linearity."""

    name: str
    given: tuple[str, ...]  # what to condition on; empty for an unconditional instrument

    def __str__(self) -> str:
        return f"{self.name} given {', '.join(self.given)}" if self.given else self.name


def find_instruments(graph: MixedGraph, x: NodeSet, y: NodeSet) -> tuple[Instrument, ...]:
    """List each instrument once, with a set to condition on that makes it one: the empty one where that does.

    Whether one given node has any such set is NP-hard, so only the set nearest to y is tried; it is empty where nothing
    needs to be conditioned on. If the graph has an instrument at all, then at least one is found.
    """
    unaffected = graph.nodes & ~find_descendants(graph, x) & ~y
    cut = cut_outgoing(graph, x)
    found = []
    for z in iter_singles(unaffected):
        given = find_nearest_separator(cut, y, z, unaffected & ~z)  # makes z irrelevant to y but through x
        if given is not None and is_connected(cut, z, x, given):
            found.append(Instrument(graph.read(z)[0], graph.read(given)))
    return tuple(found)
