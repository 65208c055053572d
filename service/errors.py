"""Olumi errors v1.0: the closed list of codes, the one exception that carries them, and the body that clients read.

Raised once, where the fault is found; turned into a response in `service.error_handlers` and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

SOURCE: Final = "isl"  # the platform's name for this service in every error body
SERVER_ERROR: Final = 500  # the fault is ours from here on, and one Sentry event is due


@dataclass(frozen=True, slots=True)
class CodeSpec:
    """What every error of one code has in common."""

    status: int  # HTTP status unless the router found the fault
    reason: str  # machine-readable, stable
    suggestion: str  # what the caller can do
    retryable: bool  # whether the same request may succeed later


def _mistake(reason: str, suggestion: str, status: int = 400) -> CodeSpec:
    return CodeSpec(status, reason, suggestion, retryable=False)


def _failure(reason: str, status: int = SERVER_ERROR) -> CodeSpec:
    return CodeSpec(status, reason, "Try again; if it persists, quote the request id", retryable=True)


@unique  # two codes with equal specs would silently become one
class ErrorCode(Enum):
    """The codes that this service can answer with. A code that nothing raises does not belong here."""

    ISL_VALIDATION_ERROR = _mistake("invalid_schema", "Correct the listed fields and send it again", status=422)
    ISL_INVALID_INPUT = _mistake("bad_request", "Check the path, the method and that the body is JSON")
    ISL_DAG_EMPTY = _mistake("empty_graph", "Give at least the treatment and the outcome as nodes")
    ISL_DAG_CYCLIC = _mistake("cycle_detected", "Remove one edge of the cycle")
    ISL_DAG_DISCONNECTED = _mistake(
        "disconnected_components", "Add the edges that lead to the goal, or set other nodes"
    )
    # 400 and not 404: the route exists, the graph that the caller sent lacks the node.
    ISL_NODE_NOT_FOUND = _mistake("not_found", "Add the missing nodes or correct their names")
    # The graph is sound and so is the question: its answer is a proven no.
    ISL_CAUSAL_NOT_IDENTIFIABLE = _mistake(
        "unmeasured_confounding", "Measure what confounds the effect, or find out by an experiment", status=422
    )
    ISL_INVALID_MODEL = _mistake("invalid_structure", "Give an acyclic model with one source per variable")
    ISL_INVALID_EQUATION = _mistake(
        "syntax_error", "Use numbers, variables, + - * / // % **, parentheses and functions"
    )
    ISL_INVALID_DISTRIBUTION = _mistake("unknown_distribution", "Give a known distribution all of its parameters")
    ISL_MISSING_VARIABLE = _mistake("undefined_variable", "Define it by an equation or a distribution")
    ISL_INVALID_INTERVENTION = _mistake("empty_or_null_intervention", "Set at least one variable")
    ISL_INVALID_PROBABILITY = _mistake("out_of_range", "Give probabilities from 0 to 1", status=422)
    ISL_INVALID_CONFIDENCE_LEVEL = _mistake("out_of_range", "Give a level within the stated limits", status=422)
    ISL_BATCH_SIZE_EXCEEDED = _mistake("too_many_items", "Send several smaller requests", status=422)
    ISL_UNAUTHORIZED = _mistake("invalid_api_key", "Send a valid key in the X-API-Key header", status=401)
    ISL_RATE_LIMIT_EXCEEDED = CodeSpec(
        429, "too_many_requests", "Wait as long as Retry-After says, and send fewer requests", retryable=True
    )
    ISL_REQUEST_TOO_LARGE = _mistake("payload_exceeds_limit", "Send a smaller graph or model", status=413)
    ISL_COMPUTATION_ERROR = _failure("internal_error")
    ISL_MONTE_CARLO_ERROR = _failure("simulation_error")
    ISL_SERVICE_UNAVAILABLE = _failure("service_unavailable", status=503)
    ISL_TIMEOUT = _failure("computation_timeout", status=504)


@dataclass(frozen=True, slots=True)
class Details:
    """The optional facts of an error body; None is left out of the JSON."""

    reason: str | None = None  # overrides the code's reason
    hints: tuple[str, ...] = ()
    validation_failures: tuple[str, ...] | None = None
    node_count: int | None = None
    edge_count: int | None = None
    missing_nodes: tuple[str, ...] | None = None
    attempted_methods: tuple[str, ...] | None = None
    retry_after_s: int | None = None  # sent as the Retry-After header


NO_DETAILS: Final = Details()


class IslError(Exception):
    """A failure with an Olumi code. Raised where it is found, never wrapped, mapped to a response once.

    Its int `status_code` makes sentry-sdk's Starlette integration capture it when it is 500 to 599, as handled.
    """

    def __init__(self, code: ErrorCode, message: str, details: Details = NO_DETAILS) -> None:
        super().__init__(f"{code.name}: {message}")  # what Sentry shows, and a person reads at three in the morning
        self.code = code
        self.message = message
        self.details = details
        self.status_code: int = code.value.status


class OverloadedError(IslError):
    """The work was refused for lack of room: counted by its transaction, and no error event (decision 0009)."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        details = Details(reason="overloaded", hints=("Wait as Retry-After says",), retry_after_s=retry_after_s)
        super().__init__(ErrorCode.ISL_SERVICE_UNAVAILABLE, message, details)


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
