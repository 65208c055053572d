"""Errors: one mapping for every exception, and the body's shape."""

import json

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.error_bodies import to_isl_error
from service.error_handlers import error_body
from service.errors import Details, ErrorCode, IslError

REQUEST_ID = "req_0123456789abcdef"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (IslError(ErrorCode.ISL_DAG_CYCLIC, "x"), 400, "ISL_DAG_CYCLIC"),
        (IslError(ErrorCode.ISL_MONTE_CARLO_ERROR, "x"), 500, "ISL_MONTE_CARLO_ERROR"),
        (HTTPException(404), 404, "ISL_INVALID_INPUT"),
        (HTTPException(405), 405, "ISL_INVALID_INPUT"),
        (HTTPException(400), 400, "ISL_INVALID_INPUT"),
        (HTTPException(418), 418, "ISL_INVALID_INPUT"),
        (HTTPException(503), 500, "ISL_COMPUTATION_ERROR"),
        (RequestValidationError([]), 422, "ISL_VALIDATION_ERROR"),
        (ZeroDivisionError("division by zero"), 500, "ISL_COMPUTATION_ERROR"),
        (KeyboardInterrupt(), 500, "ISL_COMPUTATION_ERROR"),
    ],
)
def test_every_exception_has_one_code(error: BaseException, status: int, code: str) -> None:
    known = to_isl_error(error)
    assert (known.status_code, known.code.name) == (status, code)


def test_text_of_an_unknown_exception_does_not_reach_the_client() -> None:
    assert "jane@olumi.test" not in to_isl_error(ValueError("jane@olumi.test")).message


def test_rejected_values_do_not_reach_the_client() -> None:
    message = "Input should be a valid integer"
    failure = {"type": "int_type", "loc": ("body", "seed"), "msg": message, "input": "jane@olumi.test"}
    known = to_isl_error(RequestValidationError([failure]))
    assert known.details.validation_failures == ("body.seed: Input should be a valid integer",)


def test_body_is_flat_and_leaves_nulls_out() -> None:
    error = IslError(ErrorCode.ISL_NODE_NOT_FOUND, "no z", Details(missing_nodes=("z",), node_count=2))
    body = json.loads(error_body(error, REQUEST_ID).model_dump_json(exclude_none=True))
    assert body.pop("recovery").keys() == {"hints", "suggestion"}
    assert body == {
        "code": "ISL_NODE_NOT_FOUND",
        "message": "no z",
        "reason": "not_found",
        "missing_nodes": ["z"],
        "node_count": 2,
        "retryable": False,
        "source": "isl",
        "request_id": REQUEST_ID,
    }


def test_details_override_the_reason() -> None:
    error = IslError(ErrorCode.ISL_INVALID_MODEL, "x", Details(reason="circular_equations"))
    assert error_body(error, REQUEST_ID).reason == "circular_equations"


@pytest.mark.parametrize("code", ErrorCode)
def test_only_failures_of_ours_and_too_many_requests_are_retryable(code: ErrorCode) -> None:
    status = code.value.status if code.value.is_answer else 200
    assert code.value.retryable == (status >= 500 or status == 429)
