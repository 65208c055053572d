"""The heavy route: options compared on an uncertain graph, as far as a budget of time reaches."""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Final

import sentry_sdk
from fastapi import APIRouter, Depends, Request, Response

from monitors import signals
from service.api.computing import ERROR_RESPONSES, compute, hold_back
from service.api.crumbs import describe, leave_crumb
from service.api.robustness_schemas import (
    ChoiceOutcomeBody,
    EdgeInfluenceBody,
    RobustnessRequest,
    RobustnessResponse,
)
from service.counterfactual import seed_from
from service.graph import Checkpoint
from service.request_id import current_request_id
from service.robustness import Budget, Report, analyze

PREFIX: Final = "/api/v1/robustness"

router = APIRouter(prefix=PREFIX, tags=["robustness"], responses=ERROR_RESPONSES, dependencies=[Depends(hold_back)])


@router.post("/analyze", response_model=RobustnessResponse)
async def analyze_robustness(body: RobustnessRequest, request: Request) -> Response:
    """Say which option is best when neither the arrows nor their strengths are certain, and what that hangs on.

    The answer is partial when the budget ends first; it then lists what was completed and what was skipped.
    """
    return await compute(request, partial(_analyze, body))


def _analyze(body: RobustnessRequest, checkpoint: Checkpoint) -> RobustnessResponse:
    has_time = _start_budget(body.budget_ms)
    checkpoint()
    treatment = ", ".join(sorted({name for each in body.options for name in each.interventions}))
    describe("robustness", len(body.nodes), len(body.edges), treatment, body.goal)
    question = body.to_question()
    seed = seed_from(body.model_dump(exclude={"seed", "budget_ms"})) if body.seed is None else body.seed
    with sentry_sdk.start_span(op=signals.OP_MONTE_CARLO.name, name="compare the options in drawn worlds") as span:
        budget = Budget(has_time, checkpoint)
        found = analyze(question, body.analyses, body.samples, seed, body.confidence_level, budget)
        span.set_data(signals.SAMPLES.name, found.samples)
    leave_crumb("the options are compared", samples=found.samples, skipped=", ".join(found.skipped))
    return _render(found, seed)


def _start_budget(budget_ms: int) -> Callable[[], bool]:
    end = time.monotonic() + budget_ms / 1000
    return lambda: time.monotonic() < end


def _render(found: Report, seed: int) -> RobustnessResponse:
    return RobustnessResponse(
        partial=bool(found.skipped),
        completed_analyses=list(found.completed),
        skipped_analyses=list(found.skipped),
        samples=found.samples,
        best=found.best,
        options=[ChoiceOutcomeBody(**asdict(each)) for each in found.outcomes],
        influences=[EdgeInfluenceBody(**asdict(each)) for each in found.influences],
        critical_edges=list(found.critical_edges),
        seed=seed,
        request_id=current_request_id(),
    )
