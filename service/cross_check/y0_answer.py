"""What y0 says of an effect, as an estimand of ours. Only this module imports y0; only a process of its own reads it.

Source: y0 0.2.11, https://y0.readthedocs.io (its ID algorithm; Shpitser, Pearl 2006, AAAI).
"""

from collections.abc import Mapping

from y0.algorithm.identify import identify_outcomes
from y0.dsl import Expression as TheirExpression
from y0.dsl import Fraction, One, Variable
from y0.dsl import Probability as TheirProbability
from y0.dsl import Product as TheirProduct
from y0.dsl import Sum as TheirSum
from y0.graph import NxMixedGraph

from service.graph import CausalGraph
from service.identification.estimand import ONE, Expression, Probability, Product, Quotient, Sum


def ask_y0(graph: CausalGraph, treatment: str, outcome: str) -> Expression | None:
    """Return the estimand of y0 for P(outcome | do(treatment)), None where it finds none. No node may be latent.

    Nodes are numbered for it: some names, such as P, are refused by it, and none is in what it raises.
    """
    variables = {name: Variable(f"v{place}") for place, name in enumerate(graph.nodes)}
    directed = [(variables[cause], variables[effect]) for cause, effect in graph.edges]
    undirected = [(variables[one], variables[other]) for one, other in graph.bidirected]
    mixed = NxMixedGraph.from_edges(list(variables.values()), directed, undirected)
    found = identify_outcomes(mixed, variables[treatment], variables[outcome])
    return None if found is None else _translate(found, {each: name for name, each in variables.items()})


def _translate(theirs: TheirExpression, names: Mapping[Variable, str]) -> Expression:
    """Write an expression of y0 as one of ours: in both, a sum binds its variables inside of it.

    Raises TypeError for a kind that an effect cannot have.
    """
    match theirs:
        case TheirProbability():
            variables, given = (tuple(names[each] for each in side) for side in (theirs.children, theirs.parents))
            return Probability(variables, given)
        case TheirProduct():
            return Product(tuple(_translate(each, names) for each in theirs.expressions))
        case TheirSum():
            return Sum(tuple(sorted(names[each] for each in theirs.ranges)), _translate(theirs.expression, names))
        case Fraction():
            return Quotient(_translate(theirs.numerator, names), _translate(theirs.denominator, names))
        case One():
            return ONE
    raise TypeError(f"an estimand of y0 holds a {type(theirs).__name__}")
