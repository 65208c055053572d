"""Identification by adjustment: a causal graph and a pair in, the sets to adjust for and the estimand out.

The backdoor criterion (Pearl 2009, "Causality", definition 3.3.1): a set of observed non-descendants of the treatment
that blocks every path into it. For a single treatment some set passes it whenever any adjustment set exists at all
(van der Zander, Liskiewicz, Textor 2014, UAI), so a "no" is a no to adjustment, not to other methods.
"""

from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final, Literal

import networkx as nx

from service.errors import Details, ErrorCode, IslError
from service.graph import CausalGraph, Checkpoint, no_checkpoint, require_nodes
from service.separators import iter_minimal_separators

SETS_LIMIT: Final = 20  # minimal sets can be exponentially many; a person chooses among a few
PATHS_LIMIT: Final = 10  # so can paths

Status = Literal["identifiable", "not_identifiable_by_adjustment"]
Method = Literal["backdoor", "none-needed"]
ATTEMPTED_METHODS: Final = ("backdoor",)


@dataclass(frozen=True, slots=True)
class Identification:
    """What is known about P(outcome | do(treatment))."""

    status: Status
    method: Method | None  # None: no adjustment set exists
    minimal_set: tuple[str, ...] | None  # sorted; None where no set is used
    adjustment_sets: tuple[tuple[str, ...], ...]  # minimal sets, smallest first; all, unless there are over SETS_LIMIT
    backdoor_paths: tuple[str, ...]  # shortest first, at most PATHS_LIMIT, blocked ones included
    estimand: str | None
    reason: str


def identify(
    graph: CausalGraph, treatment: str, outcome: str, checkpoint: Checkpoint = no_checkpoint
) -> Identification:
    """Decide whether adjustment identifies the effect, and by which sets.

    1. check the pair  2. cut the arrows out of the treatment  3. separate what is left  4. say what it means

    Raises IslError: ISL_NODE_NOT_FOUND, ISL_VALIDATION_ERROR (the pair is one node).
    """
    _require_pair(graph, treatment, outcome)
    dag = graph.to_dag()
    cut = _cut_outgoing(dag, treatment)
    checkpoint()
    paths = _list_paths(cut, treatment, outcome)
    affected = nx.descendants(dag, treatment)
    if outcome not in affected:
        return _no_effect(treatment, outcome, paths)
    allowed = frozenset(graph.nodes) - affected - {treatment, outcome}
    chosen = nx.find_minimal_d_separator(cut, treatment, outcome, restricted=allowed | {treatment, outcome})
    if chosen is None:
        return _not_identifiable(graph, treatment, outcome, paths)
    found = islice(iter_minimal_separators(cut, treatment, outcome, allowed), SETS_LIMIT)
    sets = sorted((tuple(sorted(each)) for each in found), key=lambda each: (len(each), each))
    return _identifiable(treatment, outcome, tuple(sorted(chosen)), tuple(sets), paths)


def _require_pair(graph: CausalGraph, treatment: str, outcome: str) -> None:
    require_nodes(graph, [treatment, outcome])
    if treatment == outcome:
        failures = ("outcome: must differ from treatment",)
        message = "The treatment and the outcome are the same node"
        raise IslError(ErrorCode.ISL_VALIDATION_ERROR, message, Details(validation_failures=failures))


def _cut_outgoing(dag: "nx.DiGraph[str]", treatment: str) -> "nx.DiGraph[str]":
    """Return the graph whose only paths from the treatment are backdoor paths (Pearl's G with X underlined)."""
    kept = [edge for edge in dag.edges if edge[0] != treatment]
    cut: nx.DiGraph[str] = nx.DiGraph()
    cut.add_nodes_from(dag)
    cut.add_edges_from(kept)
    return cut


def _list_paths(cut: "nx.DiGraph[str]", treatment: str, outcome: str) -> tuple[str, ...]:
    """Draw the shortest backdoor paths, e.g. `x ← z → y`. Yen's algorithm: no enumeration of all paths."""
    skeleton = cut.to_undirected()
    if not nx.has_path(skeleton, treatment, outcome):
        return ()
    found = islice(nx.shortest_simple_paths(skeleton, treatment, outcome), PATHS_LIMIT)
    return tuple(_draw(cut, path) for path in found)


def _draw(cut: "nx.DiGraph[str]", path: list[str]) -> str:
    drawn = path[0]
    for here, there in pairwise(path):
        if there.startswith("<"):
            continue  # a latent stands between two observed nodes and is drawn as ↔
        arrow = "↔" if here.startswith("<") else "→" if cut.has_edge(here, there) else "←"
        drawn += f" {arrow} {there}"
    return drawn


def _no_effect(treatment: str, outcome: str, paths: tuple[str, ...]) -> Identification:
    reason = f"No directed path leads from {treatment} to {outcome}: setting {treatment} cannot change it"
    return Identification("identifiable", "none-needed", None, (), paths, f"P({outcome})", reason)


def _identifiable(
    treatment: str,
    outcome: str,
    chosen: tuple[str, ...],
    sets: tuple[tuple[str, ...], ...],
    paths: tuple[str, ...],
) -> Identification:
    if not chosen:
        reason = "No backdoor path is open: what is seen is what is done"
        estimand = f"P({outcome} | {treatment})"
        return Identification("identifiable", "none-needed", (), sets, paths, estimand, reason)
    listed = ", ".join(chosen)
    estimand = f"Σ_{{{listed}}} P({outcome} | {treatment}, {listed}) P({listed})"
    reason = f"Adjusting for {listed} blocks every backdoor path"
    return Identification("identifiable", "backdoor", chosen, sets, paths, estimand, reason)


def _not_identifiable(graph: CausalGraph, treatment: str, outcome: str, paths: tuple[str, ...]) -> Identification:
    reason = "Every set of observed non-descendants of the treatment leaves a backdoor path open"
    if {treatment, outcome} in [set(edge) for edge in graph.bidirected]:
        reason = f"{treatment} and {outcome} share an unobserved cause, which no observed set can block"
    return Identification("not_identifiable_by_adjustment", None, None, (), paths, None, reason)
