"""Estimands as expression trees over the observed distribution, and the few rules that keep them short.

A name in an expression is a value of that variable. A sum binds its names inside of it; all others are free: the asked
treatment and outcome, and sometimes a variable on whose value the result does not depend.
"""

from dataclasses import dataclass
from typing import Final, assert_never


@dataclass(frozen=True, slots=True)
class Probability:
    """P(variables | given), from what is observed."""

    variables: tuple[str, ...]  # never empty
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """The factors multiplied; 1 without any."""

    factors: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """`of`, summed over all values of the names."""

    over: tuple[str, ...]
    of: "Expression"


@dataclass(frozen=True, slots=True)
class Quotient:
    """One expression divided by another."""

    numerator: "Expression"
    denominator: "Expression"


Expression = Probability | Product | Sum | Quotient
ONE: Final = Product(())


def multiply(factors: list[Expression]) -> Expression:
    """Return the product, without products or ones in it."""
    flat = [each for factor in factors for each in (factor.factors if isinstance(factor, Product) else (factor,))]
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def divide(numerator: Expression, denominator: Expression) -> Expression:
    """Return the quotient, or the numerator where it is divided by 1."""
    return numerator if denominator == ONE else Quotient(numerator, denominator)


def sum_out(expression: Expression, names: tuple[str, ...]) -> Expression:
    """Return the sum over `names`, each of which must be free in the expression.

    Uses Σ_v P(v, w | u) = P(w | u) wherever no other factor mentions v.
    """
    if not names:
        return expression
    if isinstance(expression, Sum):
        return sum_out(expression.of, (*expression.over, *names))
    factors: list[Expression] = list(expression.factors) if isinstance(expression, Product) else [expression]
    left = _drop_summed(factors, list(names))
    rest = multiply(factors)
    return Sum(tuple(sorted(left)), rest) if left else rest


def _drop_summed(factors: list[Expression], names: list[str]) -> list[str]:
    """Remove from `factors` what sums to 1, in place; return the names that have to stay under the sum."""
    left = list(names)
    dropped = True
    while dropped:
        dropped = False
        for name in list(left):
            if _drop_one(factors, name):
                left.remove(name)
                dropped = True
    return left


def _drop_one(factors: list[Expression], name: str) -> bool:
    users = [i for i, each in enumerate(factors) if not isinstance(each, Probability) or _mentions(each, name)]
    if len(users) != 1:
        return False
    factor = factors[users[0]]
    if not isinstance(factor, Probability) or name not in factor.variables:
        return False
    rest = tuple(each for each in factor.variables if each != name)
    factors[users[0] : users[0] + 1] = [Probability(rest, factor.given)] if rest else []
    return True


def _mentions(factor: Probability, name: str) -> bool:
    return name in factor.variables or name in factor.given


def count_terms(expression: Expression) -> int:
    """Count the probabilities that the written-out expression has. Shared parts are visited once, so this is fast."""
    return _count(expression, {})


def _count(expression: Expression, known: dict[int, int]) -> int:
    if id(expression) not in known:
        known[id(expression)] = sum(_count(each, known) for each in list_parts(expression)) or 1
    return known[id(expression)]


def find_free(expression: Expression) -> frozenset[str]:
    """Return the names that no sum binds. Walks the written-out expression: check `count_terms` first."""
    if isinstance(expression, Probability):
        return frozenset(expression.variables + expression.given)
    inside = frozenset[str]().union(*(find_free(each) for each in list_parts(expression)))
    return inside - frozenset(expression.over) if isinstance(expression, Sum) else inside


def list_parts(expression: Expression) -> tuple[Expression, ...]:
    """Return what the expression is directly made of."""
    match expression:
        case Probability():
            return ()
        case Product(factors):
            return factors
        case Sum(_, of):
            return (of,)
        case Quotient(numerator, denominator):
            return (numerator, denominator)
    assert_never(expression)
