"""The ID algorithm: the effect of one node on another as an estimand, or the hedge that rules every estimand out.

Source: Shpitser, Pearl 2006, "Identification of joint interventional distributions in recursive semi-Markovian causal
models", AAAI, figure 3 (lines 1 to 7; sound and complete, the hedge is what line 5 fails on). Each call
removes nodes or adds to the intervention, so calls are at most quadratic in the number of nodes; only the text of the
estimand can grow exponentially, and its length is counted before it is written (`rendering`).
"""

from dataclasses import dataclass

from service.identification.estimand import Expression, Probability, divide, multiply, sum_out
from service.identification.mixed import (
    MixedGraph,
    NodeSet,
    cut_incoming,
    find_ancestors,
    induce,
    iter_positions,
    iter_singles,
    list_districts,
)


@dataclass(frozen=True, slots=True)
class Hedge:
    """Two c-forests with the same roots, on which ID fails: two models agree on what is observed, not on the effect.

    The failure decides, since ID is complete. A hedge found by other means need not rule an effect out (Shpitser 2023,
    "When does the ID algorithm fail?").
    """

    forest: tuple[str, ...]  # F: connected by bidirected edges, all above the roots; contains the treatment
    inner: tuple[str, ...]  # F': the same, inside of F, without the treatment
    roots: tuple[str, ...]  # R: nothing in F' is below them; the outcome is, or is one of them


def identify_effect(graph: MixedGraph, treatment: NodeSet, outcome: NodeSet) -> Expression | Hedge:
    """Express P(outcome | do(treatment)) by P(observed), or return the hedge. Both arguments are sets of one node.

    Assumes that every combination of observed values has a positive probability.
    """
    return _identify(outcome, treatment, Probability(graph.read(graph.nodes)), graph)


def _identify(y: NodeSet, x: NodeSet, p: Expression, graph: MixedGraph) -> Expression | Hedge:
    """ID(y, x, P, G). `p` is the distribution over the nodes of `graph` that the lines so far have made of P(observed).

    Lines 2, 6 and 7 read their factors off `p` and never off the first P(observed), which has other conditionals.
    """
    v = graph.nodes
    if not x:  # line 1
        return sum_out(p, graph.read(v & ~y))
    above = find_ancestors(graph, y)
    if v != above:  # line 2
        return _identify(y, x & above, sum_out(p, graph.read(v & ~above)), induce(graph, above))
    without_effect = v & ~x & ~find_ancestors(cut_incoming(graph, x), y)  # W
    if without_effect:  # line 3
        return _identify(y, x | without_effect, p, graph)
    districts = list_districts(induce(graph, v & ~x))  # C(G \ X)
    if len(districts) > 1:  # line 4
        return _multiply_districts(districts, y, x, p, graph)
    return _identify_district(districts[0], y, x, p, graph)


def _multiply_districts(
    districts: list[NodeSet], y: NodeSet, x: NodeSet, p: Expression, graph: MixedGraph
) -> Expression | Hedge:
    """Line 4: the districts left by the intervention are independent mechanisms, each identified by itself."""
    factors: list[Expression] = []
    for district in districts:
        found = _identify(district, graph.nodes & ~district, p, graph)
        if isinstance(found, Hedge):
            return found
        factors.append(found)
    return sum_out(multiply(factors), graph.read(graph.nodes & ~(y | x)))


def _identify_district(s: NodeSet, y: NodeSet, x: NodeSet, p: Expression, graph: MixedGraph) -> Expression | Hedge:
    """Lines 5 to 7: what the intervention leaves is one district S."""
    whole = next(each for each in list_districts(graph) if each & s)  # S' of C(G), with S inside
    if whole == graph.nodes:  # line 5
        return _build_hedge(graph, s)
    if whole == s:  # line 6
        return sum_out(_factorise(s, p, graph), graph.read(s & ~y))
    return _identify(y, x & whole, _factorise(whole, p, graph), induce(graph, whole))  # line 7


def _build_hedge(graph: MixedGraph, s: NodeSet) -> Hedge:
    """F is all that is left and F' is S. Any choice of one child per node makes forests of them, with S's sinks R."""
    roots = sum(each for each in iter_singles(s) if not graph.children[each.bit_length() - 1] & s)
    return Hedge(graph.read(graph.nodes), graph.read(s), graph.read(roots))


def _factorise(s: NodeSet, p: Expression, graph: MixedGraph) -> Expression:
    """Return the product over V_i in S of P(V_i | all nodes before V_i), taken from `p`."""
    if isinstance(p, Probability) and not p.given:
        return multiply([_condition(each, graph) for each in iter_singles(s)])
    return multiply([_divide_run(first, last, p, graph) for first, last in _list_runs(s, graph)])


def _condition(node: NodeSet, graph: MixedGraph) -> Probability:
    """Return P(node | the nodes before it), without those that it does not depend on given the others.

    What is left are its district among the nodes so far, and that district's parents. Holds because `p` is a marginal
    of P(observed) here. Source: Richardson 2003 (as in `separation`), the ordered local Markov property.
    """
    so_far = induce(graph, graph.nodes & (node | (node - 1)))
    district = next(each for each in list_districts(so_far) if each & node)
    pillow = district
    for i in iter_positions(district):
        pillow |= so_far.parents[i]
    return Probability(graph.read(node), graph.read(pillow & ~node))


def _list_runs(s: NodeSet, graph: MixedGraph) -> list[tuple[NodeSet, NodeSet]]:
    """Split S where other nodes of the graph come between; return the first and the last node of each run."""
    runs: list[tuple[NodeSet, NodeSet]] = []
    previous_inside = False
    for node in iter_singles(graph.nodes):
        inside = bool(node & s)
        if inside:
            runs = [*runs[:-1], (runs[-1][0], node)] if previous_inside else [*runs, (node, node)]
        previous_inside = inside
    return runs


def _divide_run(first: NodeSet, last: NodeSet, p: Expression, graph: MixedGraph) -> Expression:
    """Return P(first..last | the nodes before), where the conditionals of the single nodes would cancel in between."""
    after_last = graph.nodes & ~(last | (last - 1))
    numerator = sum_out(p, graph.read(after_last))
    if not graph.nodes & (first - 1):
        return numerator  # everything sums to 1
    return divide(numerator, sum_out(p, graph.read(graph.nodes & ~(first - 1))))
