"""The heavy route: options compared on an uncertain graph, as far as a budget of time reaches."""

from dataclasses import asdict
from functools import partial
from typing import Final

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
from service.pool import Task
from service.request_id import current_request_id
from service.robustness import Report, analyze_within
from service.spans import start_span

PREFIX: Final = "/api/v1/robustness"
SMALL_WORK: Final = 5_000_000  # arrows x options x samples x passes: 4 ns each, so 20 ms

router = APIRouter(prefix=PREFIX, tags=["robustness"], responses=ERROR_RESPONSES, dependencies=[Depends(hold_back)])


@router.post("/analyze", response_model=RobustnessResponse)
async def analyze_robustness(body: RobustnessRequest, request: Request) -> Response:
    """Say which option is best when neither the arrows nor their strengths are certain, and what that hangs on.

    The answer is partial when the budget ends first; it then lists what was completed and what was skipped.
    """
    pool = request.app.state.long if _is_large(body) else None
    return await compute(request, partial(_analyze, body), pool)


def _is_large(body: RobustnessRequest) -> bool:
    """Tell if it is better computed in a process than beside the event loop: one pass per arrow, if that is asked."""
    passes = 1 + len(body.edges) * ("removal" in body.analyses)
    return len(body.edges) * len(body.options) * body.samples * passes > SMALL_WORK


def _analyze(body: RobustnessRequest, task: Task) -> RobustnessResponse:
    task()
    treatment = ", ".join(sorted({name for each in body.options for name in each.interventions}))
    describe("robustness", len(body.nodes), len(body.edges), treatment, body.goal)
    question = body.to_question()
    seed = seed_from(body.model_dump(exclude={"seed", "budget_ms"})) if body.seed is None else body.seed
    with start_span(signals.OP_MONTE_CARLO, "compare the options in drawn worlds") as span:
        arguments = (question, body.analyses, body.samples, seed, body.confidence_level, body.budget_ms)
        found = task.compute(analyze_within, *arguments)
        span.set_data(signals.SAMPLES.name, found.samples)
    leave_crumb("the options are compared", samples=found.samples, skipped=", ".join(found.skipped))
    return _render(found, seed)


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
