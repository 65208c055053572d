"""Which requests leave the interpreter, and until when they are waited for."""

from collections.abc import Callable
from typing import Any

import pytest

from service.apart import GRACE_S, Apart, Process
from service.api.causal import BRIEF_S
from service.app import build_app
from service.pool import Pool
from tests.unit.service.asking import post
from tests.unit.service.quiet import quiet_settings

NODES = [f"n{place}" for place in range(50)]
CHAIN = [[NODES[place], NODES[place + 1]] for place in range(49)]


class Here(Process):
    """Computes in the thread that asks, and notes how long it would have been waited for."""

    def __init__(self) -> None:
        super().__init__(0)
        self.left_s: list[float] = []

    def is_ready(self) -> bool:
        """There is nothing to wait for."""
        return True

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], left_s: float, limit_s: float) -> Any:
        """Do what a process would do."""
        assert left_s <= limit_s
        self.left_s.append(left_s)
        return function(*arguments, lambda: None)


def _question(size: int) -> dict[str, Any]:
    graph = {"nodes": NODES[:size], "edges": CHAIN[: size - 1]}
    return {"dag": graph, "treatment": "n0", "outcome": NODES[size - 1]}


def _options(samples: int) -> dict[str, Any]:
    edges = [{"cause": a, "effect": b, "strength": {"mean": 1}} for a, b in CHAIN]
    options = [{"id": name, "interventions": {"n0": place}} for place, name in enumerate("ab")]
    return {"nodes": NODES, "edges": edges, "options": options, "goal": "n49", "samples": samples, "budget_ms": 5000}


@pytest.mark.parametrize(
    ("path", "body", "brief", "long"),
    [
        ("causal/validate", _question(30), 0, 0),
        ("causal/validate", _question(31), 1, 0),
        ("batch/validate", {"items": [_question(3), _question(30)]}, 0, 0),
        ("batch/validate", {"items": [_question(3), _question(31), _question(50)]}, 0, 2),
        ("robustness/analyze", _options(1000), 0, 0),
        ("robustness/analyze", _options(2000), 0, 1),
    ],
)
def test_what_takes_long_is_computed_in_a_process(path: str, body: dict[str, Any], brief: int, long: int) -> None:
    app, briefs, longs = build_app(quiet_settings()), Here(), Here()
    app.state.brief, app.state.long = Pool(1, 0, Apart([briefs])), Pool(1, 0, Apart([longs]))
    answer = post(app, f"/api/v1/{path}", body)
    assert answer.status_code == 200, answer.text
    assert (len(briefs.left_s), len(longs.left_s)) == (brief, long)
    assert all(left_s + GRACE_S <= 1 for left_s in briefs.left_s), "a large graph is answered or refused in a second"
    assert BRIEF_S + GRACE_S <= 1
