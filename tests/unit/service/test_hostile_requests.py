"""What nobody should send, to every route that takes a body: a 4xx with an Olumi body each time, and soon."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.api.schemas import MODEL_EXAMPLE
from service.app import build_app
from service.request_id import WELL_FORMED
from tests.unit.service.asking import call, post
from tests.unit.service.quiet import quiet_settings

APP = build_app(quiet_settings(ISL_PLOT_URL="http://127.0.0.1:9"))
DOCUMENT: dict[str, Any] = APP.openapi()
JSON = {"content-type": "application/json"}

VALIDATE = "/api/v1/causal/validate"
COUNTERFACTUAL = "/api/v1/causal/counterfactual"
SCENARIOS = "/api/v1/causal/counterfactual/batch"
SENSITIVITY = "/api/v1/analysis/sensitivity"
ROBUSTNESS = "/api/v1/robustness/analyze"
BATCH = "/api/v1/batch/validate"
LOG = "/api/v1/outcomes/log"


def _body_schema(path: str) -> dict[str, Any]:
    reference = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema: dict[str, Any] = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
    return schema


def _example(path: str) -> dict[str, Any]:
    example: dict[str, Any] = _body_schema(path)["examples"][0]
    return example


# Found and not listed: a route that is added later is asked the same.
PATHS = [path for path, methods in DOCUMENT["paths"].items() if "requestBody" in methods.get("post", {})]

RATIO = {"kind": "ratio", "measure": "risk_ratio", "value": 2.0}
REGRESSION = {"kind": "regression", "value": 1.0, "standard_error": 0.5, "degrees_of_freedom": 100}
EDGE = {"cause": "staff", "effect": "throughput", "strength": {"mean": 1.0}}
SCENARIO: dict[str, Any] = {"id": "a", "intervention": {"discount": 0}}
OPTION: dict[str, Any] = {"id": "a", "interventions": {"staff": 1}}
NAMES = [f"n{place}" for place in range(50)]
# Every node from the four before it, at the largest strength: sums over many paths of large products.
EXPLODING = {
    "nodes": NAMES,
    "edges": [
        {"cause": NAMES[place - step], "effect": NAMES[place], "strength": {"mean": 100.0}}
        for place in range(1, 50)
        for step in range(1, 5)
        if place >= step
    ],
    "options": [{"id": "a", "interventions": {"n0": 1e6}}, {"id": "b", "interventions": {"n0": -1e6}}],
    "goal": "n49",
}


def _dag(nodes: object, edges: object, **more: object) -> dict[str, Any]:
    return {"dag": {"nodes": nodes, "edges": edges, **more}, "treatment": "x", "outcome": "y"}


def _equation(text: str) -> dict[str, Any]:
    assert isinstance(MODEL_EXAMPLE, dict)
    return {"model": MODEL_EXAMPLE | {"equations": {"orders": text}}}


def _distribution(kind: str, **parameters: float) -> dict[str, Any]:
    return {
        "model": {
            "variables": ["orders"],
            "equations": {},
            "distributions": {"orders": {"type": kind, "parameters": parameters}},
        }
    }


HOSTILE: list[tuple[str, dict[str, Any], str]] = [
    (VALIDATE, _dag(["x", "x", "y"], []), "ISL_VALIDATION_ERROR"),
    (VALIDATE, _dag(["x", "y"], [["x", "x"]]), "ISL_VALIDATION_ERROR"),
    (VALIDATE, _dag(["x", "y"], [["x", "y"], ["x", "y"]]), "ISL_VALIDATION_ERROR"),
    (VALIDATE, _dag(["x", "y"], [["x", "z"]]), "ISL_NODE_NOT_FOUND"),
    (VALIDATE, _dag(["x", "y"], [["x", "y"], ["y", "x"]]), "ISL_DAG_CYCLIC"),
    (VALIDATE, _dag([], []), "ISL_DAG_EMPTY"),
    (VALIDATE, _dag([f"n{place}" for place in range(51)], []), "ISL_VALIDATION_ERROR"),
    (VALIDATE, _dag(["x", "y"], [["x", "y"]] * 201), "ISL_VALIDATION_ERROR"),
    (VALIDATE, _dag(["x", "y"], [["x", "y", "x"]]), "ISL_VALIDATION_ERROR"),
    (VALIDATE, _dag(["x", "y"], [], latent=["nobody"]), "ISL_NODE_NOT_FOUND"),
    (VALIDATE, _dag(["x", "y"], [], observed=["nobody"]), "ISL_NODE_NOT_FOUND"),
    (VALIDATE, _dag(["x", "y"], [["x", "y"]], bidirected=[["x", "y"]]), "ISL_CAUSAL_NOT_IDENTIFIABLE"),
    (VALIDATE, {"dag": [[[[[[]]]]]]}, "ISL_VALIDATION_ERROR"),
    (VALIDATE, {"treatment": "nobody"}, "ISL_NODE_NOT_FOUND"),
    (VALIDATE, {"treatment": "x" * 101}, "ISL_VALIDATION_ERROR"),
    (VALIDATE, {"treatment": "\u0000"}, "ISL_VALIDATION_ERROR"),
    (VALIDATE, {"treatment": "\ud800"}, "ISL_VALIDATION_ERROR"),  # half a character, which UTF-8 cannot write
    (VALIDATE, {"unheard_of": 1}, "ISL_VALIDATION_ERROR"),
    (COUNTERFACTUAL, _equation("9**9**9"), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("2**1e9"), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("9" * 999), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("(" * 400 + "1" + ")" * 400), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("-" * 900 + "1"), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("__import__(discount)"), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("discount.real"), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("1/0*discount"), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("exp(exp(exp(discount)))"), "ISL_INVALID_EQUATION"),
    (COUNTERFACTUAL, _equation("orders + 1"), "ISL_INVALID_MODEL"),
    (COUNTERFACTUAL, _equation("unheard_of"), "ISL_MISSING_VARIABLE"),
    (COUNTERFACTUAL, _distribution("cauchy", scale=1), "ISL_INVALID_DISTRIBUTION"),
    (COUNTERFACTUAL, _distribution("normal", mean=0), "ISL_INVALID_DISTRIBUTION"),
    (COUNTERFACTUAL, _distribution("normal", mean=0, std=-1), "ISL_INVALID_DISTRIBUTION"),
    (COUNTERFACTUAL, _distribution("normal", mean=0, std=float("nan")), "ISL_VALIDATION_ERROR"),
    (COUNTERFACTUAL, _distribution("normal", mean=0, std=1e308), "ISL_INVALID_DISTRIBUTION"),
    (COUNTERFACTUAL, {"samples": 10**12}, "ISL_VALIDATION_ERROR"),
    (COUNTERFACTUAL, {"samples": True}, "ISL_VALIDATION_ERROR"),
    (COUNTERFACTUAL, {"seed": 10**400}, "ISL_VALIDATION_ERROR"),
    (COUNTERFACTUAL, {"intervention": {}}, "ISL_INVALID_INTERVENTION"),
    (COUNTERFACTUAL, {"intervention": {"discount": 1e308}}, "ISL_VALIDATION_ERROR"),
    (SCENARIOS, {"scenarios": []}, "ISL_VALIDATION_ERROR"),
    (SCENARIOS, {"scenarios": [SCENARIO] * 21}, "ISL_BATCH_SIZE_EXCEEDED"),
    (SCENARIOS, {"scenarios": [SCENARIO] * 2}, "ISL_VALIDATION_ERROR"),
    (SCENARIOS, {"scenarios": [SCENARIO, {"id": "b", "intervention": {"nobody": 1}}]}, "ISL_MISSING_VARIABLE"),
    (SCENARIOS, {"outcome": "nobody"}, "ISL_MISSING_VARIABLE"),
    (SCENARIOS, {"samples": float("nan")}, "ISL_VALIDATION_ERROR"),
    (SCENARIOS, {"objective": "sideways"}, "ISL_VALIDATION_ERROR"),
    (SCENARIOS, _equation("9**9**9"), "ISL_INVALID_EQUATION"),
    (SENSITIVITY, {"estimate": RATIO | {"value": 0}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": RATIO | {"value": -2}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": RATIO | {"value": 1e300}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": RATIO | {"value": float("inf")}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": RATIO | {"lower": 3, "upper": 4}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": RATIO | {"lower": 1}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": {"kind": "difference", "value": 800}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": REGRESSION | {"standard_error": 0}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": REGRESSION | {"degrees_of_freedom": 1}}, "ISL_VALIDATION_ERROR"),
    (SENSITIVITY, {"estimate": REGRESSION | {"kind": "other"}}, "ISL_VALIDATION_ERROR"),
    (ROBUSTNESS, {"edges": [EDGE | {"exists_probability": 1.1}]}, "ISL_INVALID_PROBABILITY"),
    (ROBUSTNESS, {"edges": [EDGE | {"exists_probability": float("nan")}]}, "ISL_INVALID_PROBABILITY"),
    (ROBUSTNESS, {"edges": [EDGE, EDGE]}, "ISL_VALIDATION_ERROR"),
    (ROBUSTNESS, {"edges": [EDGE, {**EDGE, "cause": "throughput", "effect": "staff"}]}, "ISL_DAG_CYCLIC"),
    (ROBUSTNESS, {"edges": [EDGE | {"cause": "nobody"}]}, "ISL_NODE_NOT_FOUND"),
    (ROBUSTNESS, {"edges": [EDGE | {"strength": {"mean": 101}}]}, "ISL_VALIDATION_ERROR"),
    (ROBUSTNESS, {"edges": []}, "ISL_DAG_DISCONNECTED"),
    (ROBUSTNESS, {"nodes": [], "edges": []}, "ISL_DAG_EMPTY"),
    (ROBUSTNESS, {"nodes": ["staff", "staff", "overtime", "throughput"]}, "ISL_VALIDATION_ERROR"),
    (ROBUSTNESS, {"goal": "nobody"}, "ISL_NODE_NOT_FOUND"),
    (ROBUSTNESS, {"confidence_level": 1.0}, "ISL_INVALID_CONFIDENCE_LEVEL"),
    (ROBUSTNESS, {"options": [OPTION]}, "ISL_VALIDATION_ERROR"),
    (ROBUSTNESS, {"options": [OPTION] * 11}, "ISL_BATCH_SIZE_EXCEEDED"),
    (ROBUSTNESS, {"options": [OPTION] * 2}, "ISL_VALIDATION_ERROR"),
    (ROBUSTNESS, {"options": [OPTION, {"id": "b", "interventions": {}}]}, "ISL_INVALID_INTERVENTION"),
    (ROBUSTNESS, {"options": [OPTION, {"id": "b", "interventions": {"nobody": 1}}]}, "ISL_NODE_NOT_FOUND"),
    (ROBUSTNESS, {"options": [OPTION, {"id": "b", "interventions": {"staff": 1e7}}]}, "ISL_VALIDATION_ERROR"),
    (ROBUSTNESS, {"budget_ms": 10**9}, "ISL_VALIDATION_ERROR"),
    (ROBUSTNESS, EXPLODING, "ISL_INVALID_MODEL"),
    (BATCH, {"items": []}, "ISL_VALIDATION_ERROR"),
    (BATCH, {"items": [_example(VALIDATE)] * 51}, "ISL_BATCH_SIZE_EXCEEDED"),
    (BATCH, {"items": _example(VALIDATE)}, "ISL_VALIDATION_ERROR"),
    (BATCH, {"items": [[]]}, "ISL_VALIDATION_ERROR"),
    (LOG, {"options": []}, "ISL_VALIDATION_ERROR"),
    (LOG, {"chosen": "nobody"}, "ISL_VALIDATION_ERROR"),
    (LOG, {"actual": float("nan")}, "ISL_VALIDATION_ERROR"),
    (LOG, {"decision": "x" * 10_000}, "ISL_VALIDATION_ERROR"),
]  # fmt: skip


def _assert_refused(response: httpx.Response, code: str | None = None) -> None:
    body = json.loads(response.text, parse_constant=pytest.fail)  # NaN and Infinity are no JSON
    assert 400 <= response.status_code < 500, body
    assert code in (None, body["code"]), body
    assert {"code", "message", "reason", "retryable", "source", "request_id"} <= body.keys()
    assert WELL_FORMED.fullmatch(body["request_id"])
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert body["retryable"] is False


@pytest.mark.parametrize(("path", "change", "code"), HOSTILE)
def test_a_hostile_request_is_refused_by_its_code(path: str, change: dict[str, Any], code: str) -> None:
    _assert_refused(post(APP, path, _example(path) | change), code)


def test_the_table_knows_every_route() -> None:
    assert {path for path, _, _ in HOSTILE} == set(PATHS)


NO_REQUEST = {
    "empty": b"",
    "cut": b"{",
    "null": b"null",
    "list": b"[]",
    "text": b'"x"',
    "nan": b"NaN",
    "huge": b"1e999",
    "digits": b"9" * 10_000,  # Python refuses to read so long an integer, by ValueError
    "no-utf8": b'{"a": "\xff\xfe"}',
    "utf16": '{"a": 1}'.encode("utf-16"),
    "deep-list": b"[" * 100_000,
    "deep-object": b'{"a":' * 50_000,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", NO_REQUEST)
def test_what_is_no_request_at_all_is_refused(path: str, kind: str) -> None:
    _assert_refused(call(APP, "POST", path, NO_REQUEST[kind], JSON))


@pytest.mark.parametrize("path", PATHS)
def test_another_type_of_content_is_refused(path: str) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "\x00"):
        _assert_refused(call(APP, "POST", path, json.dumps(_example(path)).encode(), {"content-type": kind}))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("junk", [None, True, -1, 1e308, float("nan"), "x" * 2000, "\ud800", {"a": {"a": {}}}])
def test_junk_in_any_required_field_is_refused(path: str, junk: object) -> None:
    for name in _body_schema(path)["required"]:
        _assert_refused(post(APP, path, _example(path) | {name: junk}))


@pytest.mark.parametrize("path", PATHS)
def test_endless_chunks_are_refused(path: str) -> None:
    """A body that does not say how long it is, and has no end."""

    async def pour() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://isl.test") as client:
            return await client.post(path, content=pour(), headers=JSON)

    _assert_refused(asyncio.run(ask()), "ISL_REQUEST_TOO_LARGE")


def test_every_route_documents_what_it_may_answer() -> None:
    for path in set(PATHS) - {LOG}:
        assert {"200", "400", "413", "422", "500", "503", "504"} <= DOCUMENT["paths"][path]["post"]["responses"].keys()
