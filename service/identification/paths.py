"""Back-door paths drawn for people, e.g. `x ← z → y`: the shortest ones, whether or not something blocks them."""

from itertools import islice, pairwise

import networkx as nx

from service.graph import CausalGraph


def draw_backdoor_paths(graph: CausalGraph, treatment: str, outcome: str, limit: int) -> tuple[str, ...]:
    """Draw up to `limit` paths that enter the treatment, shortest first. Yen's algorithm: no enumeration of all."""
    cut = _cut_outgoing(graph.to_dag(), treatment)
    skeleton = cut.to_undirected()
    if not nx.has_path(skeleton, treatment, outcome):
        return ()
    found = islice(nx.shortest_simple_paths(skeleton, treatment, outcome), limit)
    return tuple(_draw(cut, path) for path in found)


def _cut_outgoing(dag: "nx.DiGraph[str]", treatment: str) -> "nx.DiGraph[str]":
    """Return the graph whose only paths from the treatment are back-door paths (Pearl's G with X underlined)."""
    kept = [edge for edge in dag.edges if edge[0] != treatment]
    cut: nx.DiGraph[str] = nx.DiGraph()
    cut.add_nodes_from(dag)
    cut.add_edges_from(kept)
    return cut


def _draw(cut: "nx.DiGraph[str]", path: list[str]) -> str:
    drawn = path[0]
    for here, there in pairwise(path):
        if there.startswith("<"):
            continue  # a latent stands between two observed nodes and is drawn as ↔
        arrow = "↔" if here.startswith("<") else "→" if cut.has_edge(here, there) else "←"
        drawn += f" {arrow} {there}"
    return drawn
