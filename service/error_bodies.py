"""What clients read of an error: the Olumi body, and the Olumi view of whatever was raised."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from service.errors import SERVER_ERROR, SOURCE, Details, ErrorCode, IslError


class Recovery(BaseModel):
    """What the caller can do about it."""

    model_config = ConfigDict(frozen=True)

    hints: Sequence[str]
    suggestion: str


def left_out_if_none() -> Any:
    """Make a field of a body that is not there when it is null."""
    return Field(default=None, exclude_if=lambda value: value is None)


class ErrorBody(BaseModel):
    """The Olumi error body v1.0: flat JSON, nulls left out."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(examples=["ISL_DAG_CYCLIC"])
    message: str = Field(examples=["The graph has a cycle: x -> y -> x"])
    reason: str | None = left_out_if_none()
    recovery: Recovery | None = left_out_if_none()
    validation_failures: Sequence[str] | None = left_out_if_none()
    node_count: int | None = left_out_if_none()
    edge_count: int | None = left_out_if_none()
    missing_nodes: Sequence[str] | None = left_out_if_none()
    attempted_methods: Sequence[str] | None = left_out_if_none()
    retryable: bool
    source: str = SOURCE
    request_id: str = Field(examples=["req_0123456789abcdef"])


def to_isl_error(error: BaseException) -> IslError:
    """Return the Olumi view of any exception; the mapping that responses and Sentry tags share.

    Unknown exceptions become ISL_COMPUTATION_ERROR without their text: it may quote the caller's data.
    """
    if isinstance(error, IslError):
        return error
    if isinstance(error, RequestValidationError):
        return IslError(
            _find_code(error),
            "The request does not have the documented shape",
            Details(validation_failures=tuple(describe_failures(error))),
        )
    if isinstance(error, HTTPException) and error.status_code < SERVER_ERROR:
        return _from_http(error)
    return IslError(ErrorCode.ISL_COMPUTATION_ERROR, "The computation failed for a reason inside the service")


def _find_code(error: RequestValidationError) -> ErrorCode:
    """Return the code that all failures share (`service.api.refused_as`), if they do."""
    kinds = {failure["type"] for failure in error.errors()}
    [kind] = kinds if len(kinds) == 1 else {ErrorCode.ISL_VALIDATION_ERROR.name}
    return ErrorCode.__members__.get(kind, ErrorCode.ISL_VALIDATION_ERROR)


def describe_failures(error: RequestValidationError) -> list[str]:
    """List `path: what is wrong`; the rejected values stay out, they are the caller's data."""
    return [f"{'.'.join(str(part) for part in failure['loc'])}: {failure['msg']}" for failure in error.errors()]


# The catalogue has no codes for the router's own answers: the status and the reason tell them apart.
_HTTP_REASONS: Final = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}


def _from_http(error: HTTPException) -> IslError:
    reason = _HTTP_REASONS.get(error.status_code, "http_error")
    mapped = IslError(ErrorCode.ISL_INVALID_INPUT, str(error.detail), Details(reason=reason))
    mapped.status_code = error.status_code
    return mapped
