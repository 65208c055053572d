"""The causal routes. Endpoints are plain `def`: they run in threads, so that no computation holds up the event loop."""

from functools import partial
from typing import Any, Final

import sentry_sdk
from fastapi import APIRouter, Request

from monitors import signals
from service.api.schemas import (
    CounterfactualRequest,
    CounterfactualResponse,
    Interval,
    ModelBody,
    ValidateRequest,
    ValidateResponse,
)
from service.counterfactual import Prediction, seed_from, simulate
from service.errors import ErrorBody
from service.graph import Checkpoint, build_graph
from service.identify import ATTEMPTED_METHODS, identify
from service.model import StructuralModel, build_model, parse_distribution
from service.request_id import current_request_id

PREFIX: Final = "/api/v1/causal"
ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorBody, "description": "Olumi error v1.0"} for status in (400, 422, 500)
}

router = APIRouter(prefix=PREFIX, tags=["causal"], responses=ERROR_RESPONSES)


@router.post("/validate")
def validate(body: ValidateRequest, request: Request) -> ValidateResponse:
    """Tell whether adjustment identifies the effect. A "no" is an answer and has status 200, too."""
    edge_count = len(body.dag.edges) + len(body.dag.bidirected)
    _describe("identify", len(body.dag.nodes), edge_count, body.treatment, body.outcome)
    graph = build_graph(body.dag.nodes, body.dag.edges, body.dag.bidirected)
    with sentry_sdk.start_span(op=signals.OP_IDENTIFY.name, name="identify by adjustment"):
        found = identify(graph, body.treatment, body.outcome, _checkpoint(request))
    return ValidateResponse(
        status=found.status,
        method=found.method,
        minimal_set=None if found.minimal_set is None else list(found.minimal_set),
        adjustment_sets=[list(each) for each in found.adjustment_sets],
        backdoor_paths=list(found.backdoor_paths),
        estimand=found.estimand,
        reason=found.reason,
        attempted_methods=list(ATTEMPTED_METHODS),
        request_id=current_request_id(),
    )


@router.post("/counterfactual")
def counterfactual(body: CounterfactualRequest, request: Request) -> CounterfactualResponse:
    """Simulate the outcome under the intervention."""
    model = _build_model(body.model)
    treatment = ", ".join(sorted(body.intervention))
    _describe("counterfactual", len(model.variables), model.edge_count, treatment, body.outcome)
    seed = seed_from(body.model_dump(exclude={"seed"})) if body.seed is None else body.seed
    with sentry_sdk.start_span(op=signals.OP_MONTE_CARLO.name, name="draw the outcome") as span:
        span.set_data(signals.SAMPLES.name, body.samples)
        found = simulate(model, body.intervention, body.outcome, body.samples, seed, _checkpoint(request))
    return _render(body.outcome, found, seed)


def _build_model(body: ModelBody) -> StructuralModel:
    distributions = {
        name: parse_distribution(name, each.type, each.parameters) for name, each in body.distributions.items()
    }
    return build_model(body.variables, body.equations, distributions)


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


def _checkpoint(request: Request) -> Checkpoint:
    """Bind the faults to this request's route template, as the faults file names it."""
    return partial(request.app.state.faults.trip, request.scope["route"].path)


def _describe(computation: str, node_count: int, edge_count: int, treatment: str, outcome: str) -> None:
    """Tell Sentry what is being computed: the size and the asked pair, never the graph or its numbers."""
    scope = sentry_sdk.get_isolation_scope()
    scope.set_tag(signals.COMPUTATION_TYPE.name, computation)
    scope.set_context(
        signals.DAG.name,
        {"node_count": node_count, "edge_count": edge_count, "treatment": treatment, "outcome": outcome},
    )
