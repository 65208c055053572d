"""The causal routes. Endpoints hand their work to the pool, so that no computation holds up the event loop."""

from functools import partial
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import State

from monitors import signals
from service.api.computing import ERROR_RESPONSES, compute, hold_back
from service.api.crumbs import describe, leave_crumb
from service.api.identifying import find_identification, is_large
from service.api.schemas import (
    CounterfactualRequest,
    CounterfactualResponse,
    Interval,
    ValidateRequest,
    ValidateResponse,
)
from service.counterfactual import Prediction, seed_from, simulate
from service.error_bodies import ErrorBody
from service.graph import Checkpoint
from service.pool import Task
from service.request_id import current_request_id
from service.spans import start_span

PREFIX: Final = "/api/v1/causal"
NOT_IDENTIFIABLE: Final = (
    "Olumi error v1.0. ISL_VALIDATION_ERROR, or ISL_CAUSAL_NOT_IDENTIFIABLE: unmeasured confounding, shown by the"
    " hedge (F, F' and their roots) in validation_failures; recovery.hints name what to measure and any instrument"
)
# Of a large graph, waiting included; with the grace of `service.apart` it is answered or refused within a second.
BRIEF_S: Final = 0.9

router = APIRouter(prefix=PREFIX, tags=["causal"], responses=ERROR_RESPONSES, dependencies=[Depends(hold_back)])


@router.post(
    "/validate", response_model=ValidateResponse, responses={422: {"model": ErrorBody, "description": NOT_IDENTIFIABLE}}
)
async def validate(body: ValidateRequest, request: Request) -> Response:
    """Express the effect of the treatment on the outcome by what is observed, and name the sets that do it.

    If nothing observed determines the effect, the answer is the error ISL_CAUSAL_NOT_IDENTIFIABLE with status 422. That
    is a proven no: its reason is unmeasured_confounding, and its validation_failures name the hedge behind it.
    """
    state = request.app.state
    work = partial(_validate, body, state)
    return await (compute(request, work, state.brief, BRIEF_S) if is_large(body.dag) else compute(request, work))


def _validate(body: ValidateRequest, state: State, task: Task) -> ValidateResponse:
    edge_count = len(body.dag.edges) + len(body.dag.bidirected)
    describe("identify", len(body.dag.nodes), edge_count, body.treatment, body.outcome)
    leave_crumb("checking the graph", node_count=len(body.dag.nodes), edge_count=edge_count)
    kept, is_hit = find_identification(body, state, task)
    answer = kept.resolve()  # raises a "no" out here: the computation went well, and so did its span
    leave_crumb("the effect is identified", method=answer.method)
    return ValidateResponse(**answer.model_dump(), cache_hit=is_hit, request_id=current_request_id())


@router.post("/counterfactual", response_model=CounterfactualResponse)
async def counterfactual(body: CounterfactualRequest, request: Request) -> Response:
    """Simulate the outcome under the intervention."""
    return await compute(request, partial(_simulate, body))


def _simulate(body: CounterfactualRequest, checkpoint: Checkpoint) -> CounterfactualResponse:
    leave_crumb("checking the model", variables=len(body.model.variables), equations=len(body.model.equations))
    model = body.model.to_model()
    treatment = ", ".join(sorted(body.intervention))
    describe("counterfactual", len(model.variables), model.edge_count, treatment, body.outcome)
    seed = seed_from(body.model_dump(exclude={"seed"})) if body.seed is None else body.seed
    with start_span(signals.OP_MONTE_CARLO, "draw the outcome") as span:
        span.set_data(signals.SAMPLES.name, body.samples)
        found = simulate(model, body.intervention, body.outcome, body.samples, seed, checkpoint)
    return _render(body.outcome, found, seed)


def _render(outcome: str, found: Prediction, seed: int) -> CounterfactualResponse:
    return CounterfactualResponse(
        outcome=outcome,
        point_estimate=found.point_estimate,
        mean=found.mean,
        standard_error=found.standard_error,
        interval=Interval(lower=found.lower, upper=found.upper),
        p10=found.p10,
        p90=found.p90,
        samples=found.samples,
        seed=seed,
        request_id=current_request_id(),
    )
