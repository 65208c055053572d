"""Calls to the PLoT engine: short timeouts, one more try where it costs nothing, and a breaker that stops asking.

Both of its routes only compute, so that asking twice changes nothing. The breaker is this process' own.
"""

import logging
from dataclasses import asdict
from typing import Final, TypeVar

import httpx
import sentry_sdk
import stamina
from circuitbreaker import CircuitBreaker
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitors import signals
from service.dependency import Interference, undisturbed
from service.outcomes import Forecast, Option, Score
from service.plot.interference import InterferingTransport
from service.request_id import HEADER, current_request_id

log: Final = logging.getLogger("isl.plot")
CONNECT_TIMEOUT_S: Final = 0.5
READ_TIMEOUT_S: Final = 2.0  # it answers in milliseconds, and on a machine without a free core in a second
CHECK_TIMEOUT_S: Final = 0.5  # of /ready, which waits for all its checks
CONNECTIONS: Final = 20  # per worker
ATTEMPTS: Final = 2
RETRY_WAIT_S: Final = 0.05
RETRY_BUDGET_S: Final = 3.0  # no second try begins after it
FAILURES_TO_OPEN: Final = 5  # calls in a row, each with its second try
RECOVERY_S: Final = 10  # then one call finds out
RETRIED_STATUSES: Final = frozenset({502, 503, 504})  # who answers so did not do the work


class PlotUnavailableError(Exception):
    """PLoT did not answer, or not with what it should; `reason` is machine-readable and holds no data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Comparison(BaseModel):
    """How forecasts fared against what happened."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    count: int = Field(ge=1)
    crps: float = Field(ge=0, description="Mean continuous ranked probability score, in the forecast's unit; 0 is best")
    bias: float = Field(description="Mean of (actual - mean) / std; over 0: forecasts are too low")
    coverage_90: float = Field(ge=0, le=1, description="Share of results within their central 90 % interval")


class _RunAnswer(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    win_probability: float = Field(ge=0, le=1)
    expected_regret: float


Answer = TypeVar("Answer", bound=BaseModel)


class PlotClient:
    """One per process; safe for threads."""

    def __init__(self, base_url: str, interfere: Interference = undisturbed) -> None:
        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        limits = httpx.Limits(max_connections=CONNECTIONS)
        # Without the environment's proxies, which are for what is outside; this is next door.
        transport = InterferingTransport(httpx.HTTPTransport(limits=limits, trust_env=False), interfere)
        self._http = httpx.Client(base_url=base_url, timeout=timeout, transport=transport, trust_env=False)
        self._breaker = CircuitBreaker(FAILURES_TO_OPEN, RECOVERY_S, PlotUnavailableError, "plot")

    def run(self, options: tuple[Option, ...], chosen: str) -> Score:
        payload = {"options": [asdict(option) for option in options], "chosen": chosen}
        answer = self._call("/v1/run", payload, _RunAnswer)
        return Score(answer.win_probability, answer.expected_regret)

    def compare(self, forecasts: tuple[Forecast, ...]) -> Comparison:
        return self._call("/v1/compare", {"forecasts": [asdict(each) for each in forecasts]}, Comparison)

    def check(self) -> None:
        """Raise PlotUnavailableError unless it answers now, whatever the breaker thinks."""
        try:
            self._http.get("/health", timeout=CHECK_TIMEOUT_S).raise_for_status()
        except httpx.HTTPError as error:
            raise PlotUnavailableError(_name(error)) from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _call(self, path: str, payload: object, kind: type[Answer]) -> Answer:
        """Ask through the breaker, and leave its state on the request."""
        before = self._breaker.state
        try:
            if self._breaker.opened:
                raise PlotUnavailableError("circuit_breaker_open")
            with self._breaker:
                return self._ask(path, payload, kind)
        except PlotUnavailableError as error:
            sentry_sdk.add_breadcrumb(category=signals.CRUMB_PLOT.name, message=error.reason, level="warning")
            raise
        finally:
            _report_state(before, self._breaker.state)

    def _ask(self, path: str, payload: object, kind: type[Answer]) -> Answer:
        try:
            for attempt in stamina.retry_context(
                on=_is_transient,
                attempts=ATTEMPTS,
                timeout=RETRY_BUDGET_S,
                wait_initial=RETRY_WAIT_S,
                wait_jitter=RETRY_WAIT_S,
            ):
                with attempt:
                    response = self._http.post(path, json=payload, headers={HEADER: current_request_id()})
                    response.raise_for_status()
            return kind.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise PlotUnavailableError(_name(error)) from None


def _is_transient(error: Exception) -> bool:
    """Tell if another try may help: the connection broke, or somebody on the way says that it did."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in RETRIED_STATUSES
    # A server that is slow is not helped by asking it twice; one that cannot be reached was not asked.
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.ReadTimeout)


def _name(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"status_{error.response.status_code}"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    return "connection_failed" if isinstance(error, httpx.TransportError) else "unusable_answer"


def _report_state(before: str, after: str) -> None:
    sentry_sdk.get_isolation_scope().set_tag(signals.PLOT_BREAKER.name, after)
    if after != before:
        log.warning("the circuit breaker of PLoT went from %s to %s", before, after)
