"""Several scenarios on one model, and which does best."""

from functools import partial
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from monitors import signals
from service.api.batch_schemas import Comparison, ScenarioBody, ScenarioResult, ScenariosRequest, ScenariosResponse
from service.api.causal import PREFIX
from service.api.computing import ERROR_RESPONSES, compute, hold_back
from service.api.crumbs import describe
from service.counterfactual import draw, seed_from
from service.graph import Checkpoint
from service.request_id import current_request_id
from service.scenarios import Compared, compare
from service.spans import start_span

COMPUTATION: Final = "counterfactual_batch"

router = APIRouter(prefix=PREFIX, tags=["causal"], responses=ERROR_RESPONSES, dependencies=[Depends(hold_back)])


@router.post("/counterfactual/batch", response_model=ScenariosResponse)
async def compare_scenarios(body: ScenariosRequest, request: Request) -> Response:
    """Simulate the outcome under each scenario on common random numbers, and compare them draw by draw."""
    return await compute(request, partial(_compare, body))


def _compare(body: ScenariosRequest, checkpoint: Checkpoint) -> ScenariosResponse:
    model = body.model.to_model()
    treatment = ", ".join(sorted({name for each in body.scenarios for name in each.intervention}))
    describe(COMPUTATION, len(model.variables), model.edge_count, treatment, body.outcome)
    seed = seed_from(body.model_dump(exclude={"seed"})) if body.seed is None else body.seed
    with start_span(signals.OP_MONTE_CARLO, "draw the outcome of each scenario") as span:
        span.set_data(signals.SAMPLES.name, body.samples * len(body.scenarios))
        draws = [
            draw(model, each.intervention, body.outcome, body.samples, seed, checkpoint) for each in body.scenarios
        ]
        found = compare(draws, body.objective)
    return ScenariosResponse(
        outcome=body.outcome,
        scenarios=[_render(each, seen) for each, seen in zip(body.scenarios, found, strict=True)],
        comparison=_conclude(body, found),
        samples=body.samples,
        seed=seed,
        request_id=current_request_id(),
    )


def _render(scenario: ScenarioBody, found: Compared) -> ScenarioResult:
    return ScenarioResult(
        id=scenario.id,
        label=scenario.label,
        mean=found.prediction.mean,
        standard_error=found.prediction.standard_error,
        point_estimate=found.prediction.point_estimate,
        p10=found.prediction.p10,
        p90=found.prediction.p90,
        win_probability=found.win_probability,
        difference=found.difference.mean,
        difference_standard_error=found.difference.standard_error,
        difference_lower=found.difference.lower,
        difference_upper=found.difference.upper,
    )


def _conclude(body: ScenariosRequest, found: tuple[Compared, ...]) -> Comparison:
    """Name the best; of equals, the one that was listed first."""
    sign = 1 if body.objective == "maximize" else -1
    places = range(len(found))
    by_mean = max(places, key=lambda place: sign * found[place].prediction.mean)
    by_wins = max(places, key=lambda place: found[place].win_probability)
    return Comparison(
        baseline=body.scenarios[0].id,
        best_by_mean=body.scenarios[by_mean].id,
        best_by_win_probability=body.scenarios[by_wins].id,
        expected_gain=abs(found[by_mean].difference.mean),
    )
