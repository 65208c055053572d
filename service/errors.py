"""Olumi errors v1.0: the closed list of codes, and the one exception that carries them.

Raised once, where the fault is found; turned into a response in `service.error_handlers` and nowhere else. Of no web
framework: computing processes read this file, and nothing that takes long to read.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

SOURCE: Final = "isl"  # the platform's name for this service in every error body
SERVER_ERROR: Final = 500  # the fault is ours from here on, and one Sentry event is due


@dataclass(frozen=True, slots=True)
class CodeSpec:
    """What every error of one code has in common."""

    status: int  # HTTP status unless the router found the fault; of a code that is no answer, the platform's own
    reason: str  # machine-readable, stable
    suggestion: str  # what the caller can do
    retryable: bool  # whether the same request may succeed later
    is_answer: bool = True  # or Sentry alone is told, and the request goes well


def _mistake(reason: str, suggestion: str, status: int = 400) -> CodeSpec:
    return CodeSpec(status, reason, suggestion, retryable=False)


def _failure(reason: str, status: int = SERVER_ERROR) -> CodeSpec:
    return CodeSpec(status, reason, "Try again; if it persists, quote the request id", retryable=True)


@unique  # two codes with equal specs would silently become one
class ErrorCode(Enum):
    """The codes that this service can answer with or report. A code that nothing raises does not belong here."""

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
    # The second opinion of an answer that was given all the same (decision 0018).
    ISL_Y0_ERROR = CodeSpec(
        SERVER_ERROR, "y0_library_error", "Nothing: the answer is not made by y0", retryable=False, is_answer=False
    )


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

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross over from a computing process: BaseException would build it anew from its text alone."""
        return type(self), (self.code, self.message, self.details)


class OverloadedError(IslError):
    """The work was refused for lack of room: counted by its transaction, and no error event (decision 0009)."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        details = Details(reason="overloaded", hints=("Wait as Retry-After says",), retry_after_s=retry_after_s)
        super().__init__(ErrorCode.ISL_SERVICE_UNAVAILABLE, message, details)


def timeout_error(limit_s: float) -> IslError:
    """Build the error of a computation that was stopped."""
    hints = ("Ask for less: a smaller graph, fewer samples, scenarios or options",)
    return IslError(
        ErrorCode.ISL_TIMEOUT, f"The computation did not end within {limit_s:g} seconds", Details(hints=hints)
    )
