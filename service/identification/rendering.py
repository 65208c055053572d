"""Estimands as text, e.g. `Σ_{m} P(m | x) Σ_{x'} P(y | x', m) P(x')`.

A sum reaches to the end of its product. A primed name is a bound value of a variable that has another value outside.
"""

from collections.abc import Mapping
from typing import Final, assert_never

from service.identification.estimand import Expression, Probability, Product, Quotient, Sum, count_terms, find_free

TERMS_LIMIT: Final = 200  # probabilities; nobody reads a longer one, and shared parts unfold exponentially
TEXT_LIMIT: Final = 10_000  # characters; names may be long

Shown = Mapping[str, str]  # name -> the name to show for its value in this place


def render_estimand(expression: Expression) -> str | None:
    """Write the expression out; None if that takes over TERMS_LIMIT probabilities or TEXT_LIMIT characters."""
    if count_terms(expression) > TERMS_LIMIT:
        return None
    text = _render(expression, {name: name for name in find_free(expression)})
    return text if len(text) <= TEXT_LIMIT else None


def _render(expression: Expression, shown: Shown) -> str:
    match expression:
        case Probability(variables, given):
            return _render_probability(variables, given, shown)
        case Product(factors):
            return _render_product(factors, shown)
        case Sum(over, of):
            inside = {**shown, **{name: _prime(name, shown) for name in over}}
            return f"Σ_{{{', '.join(inside[name] for name in over)}}} {_render(of, inside)}"
        case Quotient(numerator, denominator):
            return f"({_render(numerator, shown)}) / ({_render(denominator, shown)})"
    assert_never(expression)


def _prime(name: str, shown: Shown) -> str:
    """Return a name for a bound value that no value in sight has; names in a graph contain no primes."""
    return f"{shown[name]}'" if name in shown else name


def _render_probability(variables: tuple[str, ...], given: tuple[str, ...], shown: Shown) -> str:
    left, right = (", ".join(shown[name] for name in names) for names in (variables, given))
    return f"P({left} | {right})" if right else f"P({left})"


def _render_product(factors: tuple[Expression, ...], shown: Shown) -> str:
    """Write sums last, since they reach to the end, and all but the last of them in brackets; quotients always."""
    ordered = sorted(factors, key=lambda each: isinstance(each, Sum))
    texts = [_render(each, shown) for each in ordered]
    bracketed = [isinstance(each, Quotient | Sum) for each in ordered]
    bracketed[-1:] = [isinstance(each, Quotient) for each in ordered[-1:]]
    return " ".join(f"[{text}]" if box else text for text, box in zip(texts, bracketed, strict=True)) or "1"
