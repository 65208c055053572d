"""One question about one graph in, its kept answer out: from the cache, or computed and kept."""

from dataclasses import asdict
from typing import Final

from starlette.datastructures import State

from monitors import signals
from service.api.crumbs import leave_crumb
from service.api.kept import Kept, keep, read_kept
from service.api.schemas import Dag, ValidateRequest
from service.cache.results import make_key
from service.graph import CausalGraph, build_graph, require_nodes, sort_graph
from service.identify import identify
from service.pool import Task
from service.spans import start_span

# Up to here identification takes 2 ms at the median and 60 ms at worst, measured on random graphs of up to 200 arrows;
# of 50 nodes 15 and 160 ms.
SMALL_NODES: Final = 30


def is_large(dag: Dag) -> bool:
    """Tell if a graph is better identified in a process than beside the event loop."""
    return len(dag.nodes) > SMALL_NODES


def find_identification(asked: ValidateRequest, state: State, task: Task) -> tuple[Kept, bool]:
    """Look the answer up, or compute and keep it; the flag tells which. Faults hit either way.

    Raises IslError for a graph or a pair that cannot be used; a proven "no" is an answer.
    """
    graph = sort_graph(_build_graph(asked.dag))
    key = make_key("identify", state.release, [asdict(graph), asked.treatment, asked.outcome])
    kept = read_kept(state.cache.get(key))
    if kept is not None:
        task()
        return kept, True
    leave_crumb("checking identifiability", treatment=asked.treatment, outcome=asked.outcome)
    with start_span(signals.OP_IDENTIFY, "identify the effect"):
        found = (
            task.compute(identify, graph, asked.treatment, asked.outcome)
            if is_large(asked.dag)
            else identify(graph, asked.treatment, asked.outcome, task)
        )
        kept = keep(found, graph)
    state.cache.put(key, kept.to_bytes())
    state.cross_check.check(graph, asked.treatment, asked.outcome, found, task.left_s)
    return kept, False


def _build_graph(dag: Dag) -> CausalGraph:
    latent = dag.latent if dag.observed is None else [node for node in dag.nodes if node not in dag.observed]
    graph = build_graph(dag.nodes, dag.edges, dag.bidirected, latent)
    require_nodes(graph, dag.observed or [])
    return graph
