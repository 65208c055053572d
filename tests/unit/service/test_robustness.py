"""Options on an uncertain graph, against closed forms; and a budget that ends before the work does."""

import math
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from service.api.robustness_schemas import ROBUSTNESS_EXAMPLE, WORK_LIMIT
from service.app import build_app
from service.errors import ErrorCode, IslError
from service.robustness import ANALYSES, CHUNK, Budget, Report, analyze
from service.uncertain import Choice, Question, UncertainEdge, build_question
from tests.unit.service.asking import post
from tests.unit.service.quiet import quiet_settings

APP = build_app(quiet_settings(ISL_PLOT_URL="http://127.0.0.1:9"))
ROBUSTNESS = "/api/v1/robustness/analyze"
SWITCH = {"off": {"x": 0.0}, "on": {"x": 1.0}}


def _question(*edges: UncertainEdge, options: dict[str, dict[str, float]], goal: str = "y") -> Question:
    nodes = sorted({name for edge in edges for name in (edge.cause, edge.effect)})
    choices = [Choice(name, values) for name, values in options.items()]
    return build_question(nodes, edges, choices, goal, "maximize")


def _report(asked: Question, samples: int = 4000, has_time: Callable[[], bool] = lambda: True) -> Report:
    return analyze(asked, ANALYSES, samples, 5, 0.95, Budget(has_time))


def test_mean_and_interval_are_those_of_the_strength() -> None:
    """With x = 3 and a strength of normal(2, 0.5) that is always there, y is normal(6, 1.5)."""
    asked = _question(UncertainEdge("x", "y", 1.0, 2.0, 0.5), options={"off": {"x": 0.0}, "on": {"x": 3.0}})
    off, on = _report(asked).outcomes
    assert (off.mean, off.lower, off.upper) == (0.0, 0.0, 0.0)
    assert on.mean == pytest.approx(6.0, abs=5 * 1.5 / math.sqrt(4000))
    assert (on.lower, on.upper) == pytest.approx((6 - 2.94, 6 + 2.94), abs=0.2)


def test_existence_thins_the_mean_and_splits_ties() -> None:
    off, on = _report(_question(UncertainEdge("x", "y", 0.4, 2.0, 0.0), options=SWITCH)).outcomes
    assert on.mean == pytest.approx(0.8, abs=0.05)
    assert on.win_probability == pytest.approx(0.4 + 0.6 / 2, abs=0.03)  # where the arrow is missing both are equal
    assert off.expected_regret == pytest.approx(on.mean)


def test_effects_travel_along_all_paths_and_stop_where_a_node_is_set() -> None:
    edges = (
        UncertainEdge("x", "m", 1.0, 2.0, 0.0),
        UncertainEdge("m", "y", 1.0, 3.0, 0.0),
        UncertainEdge("x", "y", 1.0, -1.0, 0.0),
    )
    asked = _question(*edges, options={"through": {"x": 1.0}, "cut": {"x": 1.0, "m": 0.0}})
    assert [each.mean for each in _report(asked).outcomes] == [5.0, -1.0]


def test_the_arrow_that_decides_is_named_and_no_other() -> None:
    edges = (
        UncertainEdge("a", "y", 1.0, 2.0, 1.0),
        UncertainEdge("b", "y", 1.0, 1.0, 0.0),  # certain
        UncertainEdge("y", "z", 0.5, 1.0, 1.0),  # leads nowhere that was asked for
    )
    found = _report(_question(*edges, options={"take_a": {"a": 1.0, "b": 0.0}, "take_b": {"a": 0.0, "b": 1.0}}))
    assert (found.best, found.critical_edges) == ("take_a", ("a -> y",))
    [influence] = found.influences
    assert influence.edge == "a -> y"
    assert influence.correlation == pytest.approx(1.0)
    assert (found.completed, found.skipped) == (ANALYSES, ())


def test_of_equals_the_first_is_best_and_nothing_is_critical() -> None:
    edges = (UncertainEdge("a", "y", 1.0, 0.1, 0.0), UncertainEdge("b", "y", 1.0, 0.1, 0.0))
    thrice = {"one": {"a": 3.0, "b": 0.0}, "two": {"a": 1.0, "b": 2.0}, "three": {"a": 3.0, "b": 0.0}}
    found = _report(_question(*edges, options=thrice))
    assert (found.best, found.influences) == ("one", ())
    assert found.critical_edges == ("a -> y",)  # without it, two is the only one that does anything


def test_to_minimize_turns_the_order_round() -> None:
    asked = _question(UncertainEdge("x", "y", 1.0, 2.0, 1.0), options=SWITCH)
    turned = Question(asked.order, asked.edges, asked.choices, asked.goal, "minimize")
    assert (_report(asked).best, _report(turned).best) == ("on", "off")


@pytest.mark.parametrize(
    ("looks", "samples", "completed"),
    [
        (0, CHUNK, ()),  # one chunk is always drawn
        (2, 3 * CHUNK, ()),
        (7, 8 * CHUNK, ("outcomes",)),
        (8, 8 * CHUNK, ("outcomes", "influence")),
        (15, 8 * CHUNK, ("outcomes", "influence")),
        (16, 8 * CHUNK, ("outcomes", "influence", "removal")),
    ],
)
def test_a_budget_that_ends_leaves_an_honest_partial_answer(
    looks: int, samples: int, completed: tuple[str, ...]
) -> None:
    """`looks`: how many times the clock is asked before the budget has ended."""
    asked = _question(UncertainEdge("x", "y", 0.5, 2.0, 1.0), options=SWITCH)
    clock = count()
    found = _report(asked, 8 * CHUNK, has_time=lambda: next(clock) < looks)
    assert (found.samples, found.completed) == (samples, completed)
    assert {*found.completed, *found.skipped} == set(ANALYSES)
    assert len(found.outcomes) == 2


def test_a_deadline_stops_the_work() -> None:
    def refuse() -> None:
        raise IslError(ErrorCode.ISL_TIMEOUT, "late")

    asked = _question(UncertainEdge("x", "y", 0.5, 2.0, 1.0), options=SWITCH)
    with pytest.raises(IslError, match="late"):
        analyze(asked, ANALYSES, 4000, 5, 0.95, Budget(lambda: True, refuse))


def test_the_same_question_gets_the_same_answer_whatever_its_budget() -> None:
    body: dict[str, Any] = {name: value for name, value in ROBUSTNESS_EXAMPLE.items() if name != "seed"}
    first, second = (post(APP, ROBUSTNESS, body | {"budget_ms": budget}).json() for budget in (9000, 10_000))
    assert first | {"request_id": ""} == second | {"request_id": ""}
    assert (first["partial"], first["skipped_analyses"]) == (False, [])
    assert first["best"] == "overtime"  # 0.5 * 0.9 * 0.6 + 0.5 * 0.4 is more than 0.8 * 0.9 * 0.6


def test_a_budget_that_is_too_short_is_an_answer_that_says_so() -> None:
    nodes = [f"n{place}" for place in range(50)]
    pairs = [(nodes[i], nodes[i + step]) for step in range(1, 5) for i in range(50 - step)]
    strength = {"mean": 0.2, "std": 0.1}
    edges = [{"cause": cause, "effect": effect, "strength": strength} for cause, effect in pairs]
    options = [{"id": f"o{place}", "interventions": {"n0": place}} for place in range(5)]
    body = {"nodes": nodes, "edges": edges, "options": options, "goal": "n49", "samples": 5000, "budget_ms": 50}
    answer = post(APP, ROBUSTNESS, body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["partial"]
    assert "removal" in answer.json()["skipped_analyses"]  # 190 passes over 5000 worlds
    assert answer.json()["best"] == "o4"
    over = post(APP, ROBUSTNESS, body | {"samples": WORK_LIMIT // (len(edges) * len(options)) + 1})
    assert (over.status_code, over.json()["code"]) == (422, "ISL_VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"edges": []}, 400, "ISL_DAG_DISCONNECTED"),
        ({"goal": "nobody"}, 400, "ISL_NODE_NOT_FOUND"),
        ({"confidence_level": 0.4}, 422, "ISL_INVALID_CONFIDENCE_LEVEL"),
        ({"confidence_level": "0.4"}, 422, "ISL_VALIDATION_ERROR"),
        ({"confidence_level": 0.4, "samples": 1}, 422, "ISL_VALIDATION_ERROR"),  # two mistakes of two kinds
        (
            {"options": [{"id": f"o{place}", "interventions": {"staff": 1}} for place in range(11)]},
            422,
            "ISL_BATCH_SIZE_EXCEEDED",
        ),
    ],
)
def test_mistakes_have_their_code(change: dict[str, Any], status: int, code: str) -> None:
    answer = post(APP, ROBUSTNESS, ROBUSTNESS_EXAMPLE | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("probability", [-0.1, 1.1, 1e308, math.inf, math.nan])
def test_a_probability_has_a_code_of_its_own_and_a_documented_range(probability: float) -> None:
    edge = {"cause": "staff", "effect": "throughput", "exists_probability": probability, "strength": {"mean": 1}}
    answer = post(APP, ROBUSTNESS, ROBUSTNESS_EXAMPLE | {"edges": [edge]})
    assert (answer.status_code, answer.json()["code"]) == (422, "ISL_INVALID_PROBABILITY")
    assert answer.json()["validation_failures"][0].startswith("body.edges.0.exists_probability: Input should be")
    schema = APP.openapi()["components"]["schemas"]["UncertainEdgeBody"]["properties"]["exists_probability"]
    assert (schema["minimum"], schema["maximum"]) == (0, 1)
