"""The outcome routes: what was decided, how good that was, what came of it. Endpoints wait for others, in threads.

PLoT scores each decision when it is logged; without it the decision is kept unscored and says so. A summary is PLoT's
comparison of forecasts with results: without it there is none, and the answer is 503.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request

from service.api.computing import hold_back
from service.api.crumbs import name_computation
from service.api.outcome_schemas import (
    ActualRequest,
    LogRequest,
    OutcomeId,
    OutcomeResponse,
    SummaryResponse,
    render_outcome,
)
from service.api.schemas import Name
from service.clock import utc_now
from service.database.outcomes import find_outcome, insert_outcome, record_actual, summarise
from service.dependency import Dependency, DependencyError, mark_degraded
from service.error_bodies import ErrorBody
from service.errors import Details, ErrorCode, IslError
from service.outcomes import Forecast, Option, Outcome, Score, new_outcome_id
from service.plot.client import Comparison, PlotClient, PlotUnavailableError
from service.request_id import current_request_id

PREFIX: Final = "/api/v1/outcomes"
ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorBody, "description": "Olumi error v1.0"} for status in (400, 422, 500, 503)
}
NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {404: {"model": ErrorBody, "description": "No such outcome"}}
CONFLICT: Final[dict[int | str, dict[str, Any]]] = {409: {"model": ErrorBody, "description": "Known otherwise"}}

router = APIRouter(prefix=PREFIX, tags=["outcomes"], responses=ERROR_RESPONSES, dependencies=[Depends(hold_back)])


@router.post("/log", status_code=201)
def log_outcome(body: LogRequest, request: Request) -> OutcomeResponse:
    """Keep a decision, scored by PLoT. No connection to the database is held while PLoT is asked."""
    _begin(request, "outcome_log")
    options = body.to_options()
    score = _score(request.app.state.plot, options, body.chosen)
    chosen = next(option for option in options if option.id == body.chosen)
    now = utc_now()
    observed_at = None if body.actual is None else now
    outcome = Outcome(new_outcome_id(), now, body.decision, options, chosen, score, body.actual, observed_at)
    insert_outcome(request.app.state.database, outcome)
    return render_outcome(outcome, current_request_id())


@router.get("/summary")
def summarise_outcomes(decision: Annotated[Name, Query()], request: Request) -> SummaryResponse:
    """Count the latest decisions of one kind, and let PLoT compare their forecasts with what came of them."""
    _begin(request, "outcome_summary")
    counts, forecasts = summarise(request.app.state.database, decision)
    return SummaryResponse(
        decision=decision,
        logged=counts.logged,
        scored=counts.scored,
        observed=counts.observed,
        mean_win_probability=counts.mean_win_probability,
        mean_expected_regret=counts.mean_expected_regret,
        comparison=_compare(request.app.state.plot, forecasts) if forecasts else None,
        request_id=current_request_id(),
    )


@router.get("/{outcome_id}", responses=NOT_FOUND)
def read_outcome(outcome_id: OutcomeId, request: Request) -> OutcomeResponse:
    """Return a decision."""
    _begin(request, "outcome_read")
    return _show(request, outcome_id)


@router.patch("/{outcome_id}", responses=NOT_FOUND | CONFLICT)
def observe_outcome(outcome_id: OutcomeId, body: ActualRequest, request: Request) -> OutcomeResponse:
    """Write down what came of a decision, once; saying the same again changes nothing, saying otherwise is a 409."""
    _begin(request, "outcome_observe")
    record_actual(request.app.state.database, outcome_id, body.actual, utc_now())
    kept = _show(request, outcome_id)
    if kept.actual != body.actual:
        raise _refuse(409, "conflict", "Another result is known already", "Read it before writing another")
    return kept


def _begin(request: Request, computation: str) -> None:
    """Tell Sentry what is being done, and let faults of this route hit."""
    name_computation(computation)
    request.app.state.faults.trip(request.scope["route"].path)


def _show(request: Request, outcome_id: str) -> OutcomeResponse:
    found = find_outcome(request.app.state.database, outcome_id)
    if found is None:
        raise _refuse(404, "not_found", "No outcome has this id", "Use the id that logging it returned")
    return render_outcome(found, current_request_id())


def _refuse(status: int, reason: str, message: str, hint: str) -> IslError:
    """Build the mistake of a caller; the catalogue has no code for it, its status and reason tell."""
    error = IslError(ErrorCode.ISL_INVALID_INPUT, message, Details(reason=reason, hints=(hint,)))
    error.status_code = status
    return error


def _score(plot: PlotClient, options: tuple[Option, ...], chosen: str) -> Score | None:
    """A decision that was made is kept, scored or not: it cannot be asked for again."""
    try:
        return plot.run(options, chosen)
    except PlotUnavailableError:
        mark_degraded(Dependency.PLOT)
        return None


def _compare(plot: PlotClient, forecasts: tuple[Forecast, ...]) -> Comparison:
    try:
        return plot.compare(forecasts)
    except PlotUnavailableError as error:
        raise DependencyError(
            Dependency.PLOT, error.reason, f"The PLoT engine did not answer: {error.reason}"
        ) from None
