"""Many graphs, and many scenarios, in one request."""

from typing import Any

import pytest

from service.api.batch_schemas import SCENARIOS_EXAMPLE
from service.api.schemas import DAG_EXAMPLE, MODEL_EXAMPLE
from service.app import build_app
from service.errors import ErrorCode, IslError
from tests.unit.service.asking import post
from tests.unit.service.quiet import quiet_settings

APP = build_app(quiet_settings(ISL_PLOT_URL="http://127.0.0.1:9"))
VALIDATE = "/api/v1/causal/validate"
BATCH = "/api/v1/batch/validate"
COUNTERFACTUAL = "/api/v1/causal/counterfactual"
SCENARIOS = "/api/v1/causal/counterfactual/batch"
GOOD: dict[str, Any] = {"dag": DAG_EXAMPLE, "treatment": "discount", "outcome": "orders"}
CYCLE: dict[str, Any] = {"nodes": ["x", "y"], "edges": [["x", "y"], ["y", "x"]]}
CONFOUNDED: dict[str, Any] = {"nodes": ["x", "y"], "edges": [["x", "y"]], "bidirected": [["x", "y"]]}
ASKED: dict[str, Any] = dict(SCENARIOS_EXAMPLE)


def test_each_item_is_answered_as_it_would_be_on_its_own() -> None:
    items = [GOOD, {"dag": CYCLE, "treatment": "x", "outcome": "y"}, GOOD | {"treatment": "nobody"}]
    items.append({"dag": CONFOUNDED, "treatment": "x", "outcome": "y"})
    answer = post(APP, BATCH, {"items": items})
    body = answer.json()
    assert (answer.status_code, body["succeeded"], body["failed"]) == (200, 1, 3)
    alone = [post(APP, VALIDATE, item).json() for item in items]
    assert body["items"][0]["result"] == {
        name: value for name, value in alone[0].items() if name not in ("cache_hit", "request_id")
    }
    for item, single in zip(body["items"][1:], alone[1:], strict=True):
        assert item["error"] == single | {"request_id": body["request_id"]}
        assert "result" not in item
    codes = ["ISL_DAG_CYCLIC", "ISL_NODE_NOT_FOUND", "ISL_CAUSAL_NOT_IDENTIFIABLE"]
    assert [item["error"]["code"] for item in body["items"][1:]] == codes
    assert [item["index"] for item in body["items"]] == [0, 1, 2, 3]


def test_same_item_twice_is_computed_once() -> None:
    item = {"dag": {"nodes": ["p", "q"], "edges": [["p", "q"]]}, "treatment": "p", "outcome": "q"}
    body = post(APP, BATCH, {"items": [item, item]}).json()
    assert [each["cache_hit"] for each in body["items"]] == [False, True]


@pytest.mark.parametrize(("count", "code"), [(0, "ISL_VALIDATION_ERROR"), (51, "ISL_BATCH_SIZE_EXCEEDED")])
def test_batch_is_bounded(count: int, code: str) -> None:
    answer = post(APP, BATCH, {"items": [GOOD] * count})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize("code", [ErrorCode.ISL_COMPUTATION_ERROR, ErrorCode.ISL_TIMEOUT])
def test_failure_of_ours_is_no_answer_of_an_item(monkeypatch: pytest.MonkeyPatch, code: ErrorCode) -> None:
    def fail(*_: object) -> None:
        raise IslError(code, "on purpose")

    monkeypatch.setattr("service.api.batch.find_identification", fail)
    answer = post(APP, BATCH, {"items": [GOOD]})
    assert (answer.status_code, answer.json()["code"]) == (code.value.status, code.name)


def test_scenarios_are_what_each_is_alone_and_differ_only_by_what_they_set() -> None:
    body = post(APP, SCENARIOS, ASKED).json()
    for scenario, seen in zip(ASKED["scenarios"], body["scenarios"], strict=True):
        alone = post(
            APP,
            COUNTERFACTUAL,
            {"model": MODEL_EXAMPLE, "intervention": scenario["intervention"], "outcome": "orders", "seed": 7},
        ).json()
        assert {name: seen[name] for name in ("mean", "point_estimate", "p10", "p90")} == {
            name: alone[name] for name in ("mean", "point_estimate", "p10", "p90")
        }
    # By hand: orders = 0.03 (base + 40 d) - 2 d, so ten per cent off costs 8 orders in every single draw.
    none, ten = body["scenarios"]
    assert ten["difference"] == pytest.approx(-8)
    assert ten["difference_standard_error"] == pytest.approx(0, abs=1e-9)
    assert ten["standard_error"] > 0.1
    assert (none["difference"], none["win_probability"], ten["win_probability"]) == (0, 1, 0)
    assert body["comparison"] == {
        "baseline": "none",
        "best_by_mean": "none",
        "best_by_win_probability": "none",
        "expected_gain": 0,
    }


def test_objective_turns_the_comparison_around() -> None:
    found = post(APP, SCENARIOS, ASKED | {"objective": "minimize"}).json()["comparison"]
    assert (found["best_by_mean"], found["expected_gain"]) == ("ten", pytest.approx(8))


def test_win_probability_sees_what_a_mean_hides_and_splits_ties() -> None:
    """`risky` is far better once in ten times, and a little worse else: best by mean, and rarely best."""
    model = {
        "variables": ["choice", "value"],
        "equations": {"value": "choice * (min(max(luck - 0.9, 0) * 1000000, 100) - 1)"},
        "distributions": {"luck": {"type": "uniform", "parameters": {"min": 0, "max": 1}}},
    }
    scenarios = [{"id": name, "intervention": {"choice": value}} for name, value in (("safe", 0), ("risky", 1))]
    scenarios.append({"id": "safe_too", "intervention": {"choice": 0}})
    asked = {"model": model, "scenarios": scenarios, "outcome": "value", "samples": 10_000, "seed": 1}
    body = post(APP, SCENARIOS, asked).json()
    assert body["comparison"]["best_by_mean"] == "risky"
    assert body["comparison"]["best_by_win_probability"] == "safe"
    wins = [each["win_probability"] for each in body["scenarios"]]
    assert wins == [pytest.approx(0.45, abs=0.01), pytest.approx(0.1, abs=0.01), wins[0]]
    assert sum(wins) == pytest.approx(1)


def test_nothing_set_leaves_the_model_as_it_is() -> None:
    model = {"variables": ["x"], "equations": {}, "distributions": {"x": {"type": "normal", "parameters": {}}}}
    model["distributions"] = {"x": {"type": "normal", "parameters": {"mean": 5, "std": 0}}}
    scenarios = [{"id": "as_is", "intervention": {}}, {"id": "six", "intervention": {"x": 6}}]
    body = post(APP, SCENARIOS, {"model": model, "scenarios": scenarios, "outcome": "x"}).json()
    assert [each["mean"] for each in body["scenarios"]] == [5, 6]
    assert body["comparison"]["expected_gain"] == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"scenarios": ASKED["scenarios"][:1]}, 422, "ISL_VALIDATION_ERROR"),
        ({"scenarios": [{"id": f"s{i}", "intervention": {}} for i in range(21)]}, 422, "ISL_BATCH_SIZE_EXCEEDED"),
        ({"scenarios": [ASKED["scenarios"][0]] * 2}, 422, "ISL_VALIDATION_ERROR"),
        ({"samples": 10_001}, 422, "ISL_VALIDATION_ERROR"),
        ({"objective": "guess"}, 422, "ISL_VALIDATION_ERROR"),
        ({"outcome": "nobody"}, 400, "ISL_MISSING_VARIABLE"),
        ({"scenarios": [{"id": "a", "intervention": {"nobody": 1}}] + ASKED["scenarios"]}, 400, "ISL_MISSING_VARIABLE"),
    ],
)
def test_mistakes_in_scenarios_have_their_code(change: dict[str, Any], status: int, code: str) -> None:
    answer = post(APP, SCENARIOS, ASKED | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
