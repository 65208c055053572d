"""Estimands as text: the notation, its limits, and that reading the text back gives the same numbers."""

import random
import re

import numpy as np
import pytest

from service.identification.answer import Identification
from service.identification.estimand import Expression, Probability, Product, Quotient, Sum, sum_out
from service.identification.exact import Array, draw_model, evaluate
from service.identification.rendering import TERMS_LIMIT, TEXT_LIMIT, render_estimand
from service.identify import identify
from tests.unit.service.identification.graphs import draw_graph, draw_hard_graph

X, Y = Probability(("x",)), Probability(("y",), ("x", "z"))
TOKEN = re.compile(r"Σ_\{([^}]*)\}|P\(([^)]*)\)|([()\[\]/])")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Product(()), "1"),
        (Y, "P(y | x, z)"),
        (Product((X, Y)), "P(x) P(y | x, z)"),
        (Sum(("x",), Product((X, Y))), "Σ_{x} P(x) P(y | x, z)"),
        (Product((Sum(("x",), X), Y)), "P(y | x, z) Σ_{x'} P(x')"),
        (Product((Sum(("x",), X), Sum(("z",), Y))), "[Σ_{x'} P(x')] Σ_{z} P(y | x, z)"),
        (Quotient(X, Sum(("x",), X)), "(P(x)) / (Σ_{x'} P(x'))"),
        (Product((Quotient(Y, X), X)), "[(P(y | x, z)) / (P(x))] P(x)"),
        (Sum(("x",), Product((X, Sum(("x",), X)))), "Σ_{x} P(x) Σ_{x'} P(x')"),
    ],
)
def test_notation(expression: Expression, text: str) -> None:
    assert render_estimand(expression) == text


@pytest.mark.parametrize(
    ("expression", "names", "expected"),
    [
        (Probability(("x", "y")), ("x",), Probability(("y",))),
        (Product((X, Y)), ("y",), X),
        (Product((X, Y)), ("x",), Sum(("x",), Product((X, Y)))),
        (Product((X, Y)), ("x", "y"), Product(())),
        (Sum(("x",), Product((X, Y))), ("y",), Product(())),
        (Quotient(Y, X), ("y",), Sum(("y",), Quotient(Y, X))),
    ],
)
def test_what_sums_to_one_is_dropped(expression: Expression, names: tuple[str, ...], expected: Expression) -> None:
    assert sum_out(expression, names) == expected


def test_an_estimand_that_nobody_could_read_is_left_out_at_once() -> None:
    doubled: Expression = X
    for _ in range(200):  # shared parts: 2 ** 200 terms if written out
        doubled = Quotient(doubled, doubled)
    assert render_estimand(doubled) is None
    assert render_estimand(Product((X,) * TERMS_LIMIT)) is not None
    assert render_estimand(Product((X,) * (TERMS_LIMIT + 1))) is None
    assert render_estimand(Probability(("x" * TEXT_LIMIT,))) is None


def read_back(text: str) -> Expression:
    """Parse an estimand; the primed names are names of their own."""
    tokens = TOKEN.findall(text)

    def product(position: int) -> tuple[Expression, int]:
        factors: list[Expression] = []
        while position < len(tokens) and tokens[position][2] not in (")", "]"):
            names, probability, sign = tokens[position]
            if names:
                inner, position = product(position + 1)
                factors.append(Sum(tuple(names.split(", ")), inner))
            elif probability:
                left, _, right = probability.partition(" | ")
                factors.append(Probability(tuple(left.split(", ")), tuple(right.split(", ")) if right else ()))
                position += 1
            elif sign == "/":
                denominator, position = product(position + 2)
                factors.append(Quotient(factors.pop(), denominator))
                position += 1
            else:
                inner, position = product(position + 1)
                factors.append(inner)
                position += 1
        return Product(tuple(factors)), position

    return product(0)[0]


def _unprime(expression: Expression, joint: Array, names: tuple[str, ...]) -> Array:
    """Evaluate an expression whose primed names stand for values of their own: one axis per prime."""
    primed = sorted(set(re.findall(r"\w+'+", repr(expression).replace("\\'", "'").replace('"', " "))))
    values = _axes(expression, joint, names, (*names, *primed))
    return np.asarray(values.reshape(values.shape[: len(names)]))


def _axes(expression: Expression, joint: Array, names: tuple[str, ...], axes: tuple[str, ...]) -> Array:
    if isinstance(expression, Probability):
        plain = {each: each.rstrip("'") for each in (*expression.variables, *expression.given)}
        rows = tuple(plain.values())
        table = evaluate(
            Probability(
                tuple(plain[each] for each in expression.variables), tuple(plain[each] for each in expression.given)
            ),
            joint,
            names,
        )
        table = np.transpose(
            table, [names.index(each) for each in rows] + [i for i, n in enumerate(names) if n not in rows]
        )
        table = np.transpose(table.reshape((2,) * len(rows)), np.argsort([axes.index(each) for each in plain]))
        return table.reshape([2 if each in plain else 1 for each in axes])
    if isinstance(expression, Product):
        result: Array = np.ones((1,) * len(axes))
        for each in expression.factors:
            result = result * _axes(each, joint, names, axes)
        return result
    if isinstance(expression, Quotient):
        return _axes(expression.numerator, joint, names, axes) / _axes(expression.denominator, joint, names, axes)
    inner = _axes(expression.of, joint, names, axes)
    over = tuple(axes.index(each) for each in expression.over)
    return np.asarray(
        np.broadcast_to(inner, [2 if i in over else n for i, n in enumerate(inner.shape)]).sum(axis=over, keepdims=True)
    )


def test_the_text_says_what_the_expression_means() -> None:
    choose = random.Random(7)
    primed = 0
    for draw in (draw_graph, draw_hard_graph):
        for _ in range(200):
            graph = draw(choose)
            found = identify(graph, "x", "y")
            if not isinstance(found, Identification):
                continue
            assert found.estimand is not None
            joint = draw_model(graph, choose).distribute()
            expected = evaluate(found.expression, joint, graph.nodes)
            assert np.allclose(_unprime(read_back(found.estimand), joint, graph.nodes), expected, atol=1e-12)
            primed += "'" in found.estimand
    assert primed > 50
