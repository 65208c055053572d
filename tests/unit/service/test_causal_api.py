"""The app in process, without Sentry: statuses, bodies and headers."""

import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from loadtest.payloads import (
    batch_body,
    counterfactual_body,
    cyclic_body,
    dense_body,
    robustness_body,
    scenarios_body,
    sensitivity_body,
    validate_body,
)
from service.api.schemas import DAG_EXAMPLE, MODEL_EXAMPLE
from service.app import build_app
from service.request_id import WELL_FORMED
from tests.unit.service.asking import call, post
from tests.unit.service.quiet import quiet_settings

APP = build_app(quiet_settings(ISL_PLOT_URL="http://127.0.0.1:9"))
VALIDATE = "/api/v1/causal/validate"
COUNTERFACTUAL = "/api/v1/causal/counterfactual"
VALID: dict[str, Any] = {"dag": DAG_EXAMPLE, "treatment": "discount", "outcome": "orders"}
ASKED: dict[str, Any] = {"model": MODEL_EXAMPLE, "intervention": {"discount": 10}, "outcome": "orders"}


@APP.get("/boom")
def _boom() -> None:
    raise ZeroDivisionError("secret detail")


def _call(
    method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    return call(APP, method, path, content, headers)


def _post(path: str, body: object) -> httpx.Response:
    return post(APP, path, body)


def test_validate_answers_the_documented_example() -> None:
    body = _post(VALIDATE, VALID).json()
    assert WELL_FORMED.fullmatch(body.pop("request_id"))
    assert body == {
        "status": "identifiable",
        "method": "backdoor",
        "minimal_set": ["region"],
        "adjustment_sets": [["region"]],
        "front_door_sets": [["visits"]],
        "instruments": [],
        "backdoor_paths": ["discount ← region → orders"],
        "estimand": "Σ_{region} P(orders | discount, region) P(region)",
        "reason": "Adjusting for region blocks every backdoor path",
        "attempted_methods": ["backdoor"],
        "partial": [],
        "cache_hit": False,
    }


def test_an_answer_is_computed_once_however_the_graph_is_written_down() -> None:
    edges = [["b", "y"], ["a", "y"], ["b", "x"], ["a", "x"], ["x", "y"]]
    asked = [
        {"dag": {"nodes": list(nodes), "edges": listed}, "treatment": "x", "outcome": "y"}
        for nodes, listed in (("abxy", edges), ("yxba", edges[::-1]))
    ]
    first, second = (_post(VALIDATE, body).json() for body in asked)
    assert (first.pop("cache_hit"), second.pop("cache_hit")) == (False, True)
    assert first.pop("request_id") != second.pop("request_id")
    assert first == second
    other = _post(VALIDATE, asked[0] | {"outcome": "b"}).json()
    assert (other["cache_hit"], other["method"]) == (False, "none-needed")


def test_a_proven_no_is_kept_like_an_answer() -> None:
    dag = {"nodes": ["p", "q"], "edges": [["p", "q"]], "bidirected": [["p", "q"]]}
    first, second = (_post(VALIDATE, {"dag": dag, "treatment": "p", "outcome": "q"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (422, 422)
    assert {**first.json(), "request_id": None} == {**second.json(), "request_id": None}


def test_a_proven_no_is_an_error_that_helps() -> None:
    dag = {"nodes": ["z", "x", "y"], "edges": [["z", "x"], ["x", "y"]], "bidirected": [["x", "y"]]}
    response = _post(VALIDATE, {"dag": dag, "treatment": "x", "outcome": "y"})
    body = response.json()
    assert (response.status_code, body["code"]) == (422, "ISL_CAUSAL_NOT_IDENTIFIABLE")
    assert (body["reason"], body["retryable"]) == ("unmeasured_confounding", False)
    assert body["validation_failures"] == ["hedge F: x, y", "hedge F': y", "hedge roots: y"]
    assert body["recovery"]["hints"] == [
        "Measure the unobserved causes that connect x with y",
        "z is an instrument: it identifies the effect of x on y under further assumptions, such as linearity",
        "Run an experiment that sets x",
    ]
    assert body["attempted_methods"] == ["backdoor", "front_door", "instrumental_variable", "id"]
    assert (body["node_count"], body["edge_count"]) == (3, 3)


@pytest.mark.parametrize(
    "hidden", [{"latent": ["taste"]}, {"observed": ["tar", "cancer", "smoking"]}], ids=["latent", "observed"]
)
def test_latent_nodes_can_be_named_either_way(hidden: dict[str, Any]) -> None:
    edges = [["smoking", "tar"], ["tar", "cancer"], ["taste", "smoking"], ["taste", "cancer"]]
    dag = {"nodes": ["smoking", "tar", "cancer", "taste"], "edges": edges} | hidden
    body = _post(VALIDATE, {"dag": dag, "treatment": "smoking", "outcome": "cancer"}).json()
    assert (body["status"], body["method"], body["minimal_set"]) == ("identifiable", "front_door", None)
    assert body["front_door_sets"] == [["tar"]]
    assert body["backdoor_paths"] == ["smoking ↔ cancer"]
    assert body["estimand"] == "Σ_{tar} P(tar | smoking) Σ_{smoking'} P(cancer | smoking', tar) P(smoking')"
    assert body["attempted_methods"] == ["backdoor", "front_door"]


def test_the_load_gets_what_it_expects() -> None:
    choose = random.Random(1)
    for _ in range(50):
        response = _post(VALIDATE, validate_body(choose))
        assert (response.status_code, response.json()["status"]) == (200, "identifiable")
        assert response.json()["minimal_set"] is not None
    assert _post(VALIDATE, cyclic_body(choose)).status_code == 400


@pytest.mark.parametrize(
    ("path", "make"),
    [
        (VALIDATE, dense_body),
        (COUNTERFACTUAL, counterfactual_body),
        ("/api/v1/causal/counterfactual/batch", scenarios_body),
        ("/api/v1/batch/validate", batch_body),
        ("/api/v1/analysis/sensitivity", sensitivity_body),
        ("/api/v1/robustness/analyze", robustness_body),
    ],
)
def test_every_body_of_the_load_is_answered(path: str, make: Callable[[random.Random], dict[str, Any]]) -> None:
    choose = random.Random(1)
    for _ in range(20):
        response = _post(path, make(choose))
        assert response.status_code == 200, response.text


def test_counterfactual_answers_the_documented_example() -> None:
    first, second = _post(COUNTERFACTUAL, ASKED).json(), _post(COUNTERFACTUAL, ASKED).json()
    assert first["request_id"] != second["request_id"]
    assert first["point_estimate"] == second["point_estimate"] == pytest.approx(142.0, abs=2.0)
    assert (first["samples"], first["interval"]["confidence_level"]) == (1000, 0.95)


@pytest.mark.parametrize(
    ("path", "change", "status", "code"),
    [
        (VALIDATE, {"treatment": "nobody"}, 400, "ISL_NODE_NOT_FOUND"),
        (VALIDATE, {"treatment": "orders"}, 422, "ISL_VALIDATION_ERROR"),
        (VALIDATE, {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"], ["y", "x"]]}}, 400, "ISL_DAG_CYCLIC"),
        (VALIDATE, {"dag": {"nodes": [], "edges": []}}, 400, "ISL_DAG_EMPTY"),
        (VALIDATE, {"dag": {"nodes": ["x"], "edges": [["x"]]}}, 422, "ISL_VALIDATION_ERROR"),
        (VALIDATE, {"dag": {"nodes": ["a b"], "edges": []}}, 422, "ISL_VALIDATION_ERROR"),
        (VALIDATE, {"dag": {"nodes": [f"n{i}" for i in range(51)], "edges": []}}, 422, "ISL_VALIDATION_ERROR"),
        (VALIDATE, {"dag": DAG_EXAMPLE | {"latent": ["nobody"]}}, 400, "ISL_NODE_NOT_FOUND"),
        (VALIDATE, {"dag": DAG_EXAMPLE | {"observed": ["nobody", "discount", "orders"]}}, 400, "ISL_NODE_NOT_FOUND"),
        (VALIDATE, {"dag": DAG_EXAMPLE | {"latent": ["orders"]}}, 422, "ISL_VALIDATION_ERROR"),
        (VALIDATE, {"dag": DAG_EXAMPLE | {"observed": ["orders"]}}, 422, "ISL_VALIDATION_ERROR"),
        (VALIDATE, {"dag": DAG_EXAMPLE | {"latent": ["visits", "visits"]}}, 422, "ISL_VALIDATION_ERROR"),
        (
            VALIDATE,
            {"dag": DAG_EXAMPLE | {"latent": ["visits"], "observed": ["discount"]}},
            422,
            "ISL_VALIDATION_ERROR",
        ),
        (VALIDATE, {"extra": 1}, 422, "ISL_VALIDATION_ERROR"),
        (COUNTERFACTUAL, {"outcome": "clicks"}, 400, "ISL_MISSING_VARIABLE"),
        (COUNTERFACTUAL, {"intervention": {}}, 400, "ISL_INVALID_INTERVENTION"),
        (COUNTERFACTUAL, {"intervention": {"discount": "10"}}, 422, "ISL_VALIDATION_ERROR"),
        (COUNTERFACTUAL, {"intervention": {"discount": float("nan")}}, 422, "ISL_VALIDATION_ERROR"),
        (COUNTERFACTUAL, {"intervention": {"discount": float("inf")}}, 422, "ISL_VALIDATION_ERROR"),
        (COUNTERFACTUAL, {"intervention": {"discount": 1e13}}, 422, "ISL_VALIDATION_ERROR"),
        (COUNTERFACTUAL, {"samples": 99}, 422, "ISL_VALIDATION_ERROR"),
        (COUNTERFACTUAL, {"samples": 10_001}, 422, "ISL_VALIDATION_ERROR"),
        (COUNTERFACTUAL, {"seed": -1}, 422, "ISL_VALIDATION_ERROR"),
        (COUNTERFACTUAL, {"seed": 1.5}, 422, "ISL_VALIDATION_ERROR"),
    ],
)
def test_mistakes_get_an_olumi_body(path: str, change: dict[str, Any], status: int, code: str) -> None:
    response = _post(path, (VALID if path == VALIDATE else ASKED) | change)
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert (body["retryable"], body["source"]) == (False, "isl")
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert None not in body.values()


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "reason"),
    [
        ("GET", "/nope", None, 404, "not_found"),
        ("GET", VALIDATE, None, 405, "method_not_allowed"),
        ("POST", VALIDATE, b"{", 422, "invalid_schema"),
        ("POST", VALIDATE, b"", 422, "invalid_schema"),
        ("POST", VALIDATE, b"\xff", 400, "bad_request"),
        ("POST", VALIDATE, b"[" * 100_000, 400, "bad_request"),
        ("POST", VALIDATE, b'{"a": ' + b"9" * 5000 + b"}", 400, "bad_request"),
        ("GET", "/boom", None, 500, "internal_error"),
    ],
)
def test_every_failure_has_the_id_in_header_and_body(
    method: str, path: str, content: bytes | None, status: int, reason: str
) -> None:
    sent = {"content-type": "application/json", "X-Request-Id": "req_00000000000000ff"}
    response = _call(method, path, content, sent)
    assert (response.status_code, response.json()["reason"]) == (status, reason)
    assert response.headers["X-Request-Id"] == response.json()["request_id"] == "req_00000000000000ff"
    assert "secret detail" not in response.text


def test_405_keeps_its_allow_header() -> None:
    assert _call("GET", VALIDATE).headers["Allow"] == "POST"


def test_ill_formed_id_is_not_echoed() -> None:
    response = _call("GET", "/nope", headers={"X-Request-Id": "bad id <script>"})
    assert "script" not in response.text + str(response.headers)


def test_liveness_asks_nobody() -> None:
    assert _call("GET", "/health").json() == {"status": "healthy"}


def test_openapi_documents_examples_and_error_bodies() -> None:
    document = _call("GET", "/openapi.json").json()
    responses = document["paths"][VALIDATE]["post"]["responses"]
    assert {"400", "422", "500"} <= responses.keys()
    assert responses["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")
    assert "ISL_CAUSAL_NOT_IDENTIFIABLE" in responses["422"]["description"]
    assert document["components"]["schemas"]["ValidateRequest"]["examples"] == [VALID]
