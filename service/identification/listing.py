"""The bounded lists of one question: back-door and front-door sets, instruments and paths, and what was cut off."""

from itertools import islice
from typing import Final

from service.graph import CausalGraph
from service.identification.answer import Lists, Names
from service.identification.front_door import FRONT_DOOR_CHECKS_LIMIT, FrontDoorSets, find_front_door_sets
from service.identification.instruments import Instrument, find_instruments
from service.identification.mixed import MixedGraph, NodeSet, cut_outgoing, find_descendants
from service.identification.paths import draw_backdoor_paths
from service.separators import iter_minimal_separators

SETS_LIMIT: Final = 20  # minimal sets can be exponentially many; a person chooses among a few
PATHS_LIMIT: Final = 10  # so can paths
INSTRUMENTS_LIMIT: Final = 10  # each may come with a long list of nodes to condition on


def list_paths(graph: CausalGraph, treatment: str, outcome: str) -> Lists:
    """Draw up to PATHS_LIMIT back-door paths."""
    paths = draw_backdoor_paths(graph, treatment, outcome, PATHS_LIMIT + 1)
    return Lists(paths[:PATHS_LIMIT], partial=_note("backdoor_paths", PATHS_LIMIT, len(paths)))


def list_all(graph: MixedGraph, x: NodeSet, y: NodeSet, paths: Lists) -> Lists:
    """Add the sets and the instruments to the paths, given that x causes y."""
    adjustment = _list_adjustment_sets(graph, x, y)
    front_door = find_front_door_sets(graph, x, y, SETS_LIMIT)
    instruments = find_instruments(graph, x, y)
    return Lists(
        paths.backdoor_paths,
        adjustment[:SETS_LIMIT],
        front_door.sets,
        instruments[:INSTRUMENTS_LIMIT],
        (*paths.partial, *_describe_cuts(adjustment, front_door, instruments)),
    )


def _list_adjustment_sets(graph: MixedGraph, x: NodeSet, y: NodeSet) -> tuple[Names, ...]:
    """Return one more minimal set than the limit if there are that many; smallest first."""
    allowed = graph.nodes & ~find_descendants(graph, x)
    found = islice(iter_minimal_separators(cut_outgoing(graph, x), x, y, allowed), SETS_LIMIT + 1)
    return tuple(sorted((tuple(sorted(graph.read(each))) for each in found), key=lambda each: (len(each), each)))


def _describe_cuts(
    adjustment: tuple[Names, ...], front_door: FrontDoorSets, instruments: tuple[Instrument, ...]
) -> Names:
    searched = f"front_door_sets: at most {SETS_LIMIT}, found among the first {FRONT_DOOR_CHECKS_LIMIT} candidates"
    return (
        *_note("adjustment_sets", SETS_LIMIT, len(adjustment)),
        *(() if front_door.is_complete else (searched,)),
        *_note("instruments", INSTRUMENTS_LIMIT, len(instruments)),
    )


def _note(name: str, limit: int, found: int) -> Names:
    return (f"{name}: {limit} of more",) if found > limit else ()
