"""Equations as text in, checked trees out, evaluated on columns of draws. Nothing of Python but arithmetic gets in.

All arithmetic is float64, also on literals: there are no big integers to grow and nothing that takes long.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.errors import Details, ErrorCode, IslError

LENGTH_LIMIT: Final = 1000  # characters
DEPTH_LIMIT: Final = 20  # nested operations; a longer sum goes in parentheses or in a variable of its own
EXPONENT_LIMIT: Final = 100.0  # of a literal exponent; beyond, only overflow is left
CHARACTERS: Final = re.compile(r"[A-Za-z0-9_+\-*/%(),. ]*")

Column = NDArray[np.float64]  # shape (n,), or () where nothing random is involved
BinaryOp = Callable[[Column, Column], Column]

BINARY: Final[dict[type[ast.operator], BinaryOp]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
UNARY: Final[dict[type[ast.unaryop], Callable[[Column], Column]]] = {ast.UAdd: np.positive, ast.USub: np.negative}
FUNCTIONS: Final[dict[str, Callable[[Column], Column]]] = {
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
}
FOLDS: Final[dict[str, BinaryOp]] = {"min": np.minimum, "max": np.maximum}  # two arguments or more


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked equation. Build it with `parse_expression`."""

    tree: ast.expr
    names: frozenset[str]  # the variables that it reads


def parse_expression(where: str, text: str) -> Expression:
    """Parse one right-hand side; `where` is the variable that it defines, for the message.

    Raises IslError (ISL_INVALID_EQUATION) for anything but bounded arithmetic on variables.
    """
    if len(text) > LENGTH_LIMIT:
        raise _refuse(where, f"found {len(text)} characters, allowed: {LENGTH_LIMIT}")
    if not CHARACTERS.fullmatch(text):
        raise _refuse(where, "found a character other than letters, digits and _ + - * / % ( ) , . space")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _refuse(where, "this is no expression") from None
    names: set[str] = set()
    _check(where, tree, names, DEPTH_LIMIT)
    return Expression(tree, frozenset(names))


def evaluate(expression: Expression, values: Mapping[str, Column]) -> Column:
    """Compute the expression on columns that broadcast together. The result may hold inf or nan; nothing is raised."""
    with np.errstate(all="ignore"):
        return _evaluate(expression.tree, values)


def _check(where: str, node: ast.expr, names: set[str], depth: int) -> None:
    """Walk the tree once, refuse what is not listed and collect the variables. Never deeper than `depth`."""
    if depth == 0:
        raise _refuse(where, f"nested deeper than {DEPTH_LIMIT} operations")
    match node:
        case ast.Constant(value=value):
            _check_number(where, value)
        case ast.Name(id=name) if name not in FUNCTIONS and name not in FOLDS:
            names.add(name)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            _check(where, operand, names, depth - 1)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            if isinstance(op, ast.Pow):
                _check_exponent(where, right)
            _check(where, left, names, depth - 1)
            _check(where, right, names, depth - 1)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if _accepts(name, len(args)):
            for arg in args:
                _check(where, arg, names, depth - 1)
        case _:
            raise _refuse(where, f"found {type(node).__name__}, which is no arithmetic, or a function used wrongly")


def _accepts(function: str, arguments: int) -> bool:
    return (function in FUNCTIONS and arguments == 1) or (function in FOLDS and arguments > 1)


def _check_number(where: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refuse(where, "found a literal that is no real number")
    try:
        finite = np.isfinite(float(value))
    except OverflowError:
        finite = False
    if not finite:
        raise _refuse(where, "found a number too large for a float")


def _check_exponent(where: str, exponent: ast.expr) -> None:
    """Refuse towers such as 9**9**9 and absurd literals, before anything is computed."""
    literal = exponent.operand if isinstance(exponent, ast.UnaryOp) else exponent
    if isinstance(literal, ast.Constant) and isinstance(literal.value, int | float) and literal.value > EXPONENT_LIMIT:
        raise _refuse(where, f"found an exponent beyond {EXPONENT_LIMIT:g}")
    if any(isinstance(node, ast.Pow) for node in ast.walk(exponent)):
        raise _refuse(where, "found a power within an exponent")


def _evaluate(node: ast.expr, values: Mapping[str, Column]) -> Column:
    match node:
        case ast.Constant(value=int() | float() as value):
            return np.asarray(float(value))
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=operand):
            return UNARY[type(op)](_evaluate(operand, values))
        case ast.BinOp(left=left, op=op, right=right):
            return BINARY[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.Call(func=ast.Name(id=name), args=args):
            columns = [_evaluate(arg, values) for arg in args]
            return FUNCTIONS[name](columns[0]) if name in FUNCTIONS else reduce(FOLDS[name], columns)
    raise AssertionError(f"{type(node).__name__} passed the check")  # unreachable: _check lists the same cases


def _refuse(where: str, problem: str) -> IslError:
    message = f"The equation of {where} cannot be used: {problem}"
    return IslError(ErrorCode.ISL_INVALID_EQUATION, message, Details(validation_failures=(f"{where}: {problem}",)))
