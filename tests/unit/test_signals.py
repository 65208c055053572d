"""Every name the service sends is registered: what is not in `monitors.signals` cannot be queried by mistake."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from monitors.signals import ENVIRONMENTS, REGISTRY
from rehearsal.settings import ROOT
from service.settings import Environment

# Function of the SDK -> the argument that is a name on the wire.
NAMING = {
    "set_tag": 0,
    "set_context": 0,
    "set_data": 0,
    "set_measurement": 0,
    "start_span": "op",
    "add_breadcrumb": "category",
}


def literal_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Names given as literals to the functions above: registered ones come as constants of the registry."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        where = NAMING.get(function)
        found = [each.value for each in call.keywords if each.arg == where]
        found += call.args[where : where + 1] if isinstance(where, int) else []
        yield from ((call.lineno, str(node.value)) for node in found if isinstance(node, ast.Constant))


@pytest.mark.parametrize("path", sorted((ROOT / "service").rglob("*.py")), ids=lambda path: path.name)
def test_the_service_sends_only_registered_names(path: Path) -> None:
    unregistered = [each for each in literal_names(ast.parse(path.read_text())) if each[1] not in REGISTRY]
    assert unregistered == []


def test_an_unregistered_name_would_be_found() -> None:
    assert list(literal_names(ast.parse('scope.set_tag("surprise", 1)\nspan.start_span(op="x.y")'))) == [
        (1, "surprise"),
        (2, "x.y"),
    ]


@pytest.mark.parametrize("signal", REGISTRY.values(), ids=lambda signal: signal.name)
def test_every_signal_says_what_it_means_and_who_sends_it(signal: object) -> None:
    entry = REGISTRY[getattr(signal, "name", "")]
    assert entry.meaning
    assert entry.emitter


def test_rules_know_the_environments_that_the_service_runs_in() -> None:
    assert get_args(Environment) == ENVIRONMENTS
