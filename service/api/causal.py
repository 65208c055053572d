"""The causal routes. Endpoints are plain `def`: they run in threads, so that no computation holds up the event loop."""

from functools import partial
from typing import Any, Final

import sentry_sdk
from fastapi import APIRouter, Request

from monitors import signals
from service.api.schemas import (
    CounterfactualRequest,
    CounterfactualResponse,
    Dag,
    InstrumentBody,
    Interval,
    ModelBody,
    ValidateRequest,
    ValidateResponse,
)
from service.counterfactual import Prediction, seed_from, simulate
from service.errors import ErrorBody
from service.graph import CausalGraph, Checkpoint, build_graph, require_nodes
from service.identification.answer import Identification, NotIdentifiable, refuse
from service.identify import identify
from service.model import StructuralModel, build_model, parse_distribution
from service.request_id import current_request_id

PREFIX: Final = "/api/v1/causal"
ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorBody, "description": "Olumi error v1.0"} for status in (400, 422, 500)
}
NOT_IDENTIFIABLE: Final = (
    "Olumi error v1.0. ISL_VALIDATION_ERROR, or ISL_CAUSAL_NOT_IDENTIFIABLE: unmeasured confounding, shown by the"
    " hedge (F, F' and their roots) in validation_failures; recovery.hints name what to measure and any instrument"
)

router = APIRouter(prefix=PREFIX, tags=["causal"], responses=ERROR_RESPONSES)


@router.post("/validate", responses={422: {"model": ErrorBody, "description": NOT_IDENTIFIABLE}})
def validate(body: ValidateRequest, request: Request) -> ValidateResponse:
    """Express the effect of the treatment on the outcome by what is observed, and name the sets that do it.

    If nothing observed determines the effect, the answer is the error ISL_CAUSAL_NOT_IDENTIFIABLE with status 422. That
    is a proven no: its reason is unmeasured_confounding, and its validation_failures name the hedge behind it.
    """
    edge_count = len(body.dag.edges) + len(body.dag.bidirected)
    _describe("identify", len(body.dag.nodes), edge_count, body.treatment, body.outcome)
    graph = _build_graph(body.dag)
    with sentry_sdk.start_span(op=signals.OP_IDENTIFY.name, name="identify the effect"):
        found = identify(graph, body.treatment, body.outcome, _checkpoint(request))
    if isinstance(found, NotIdentifiable):  # raised out here: the computation went well, and so did its span
        raise refuse(found, graph)
    return _render_identification(found)


def _build_graph(dag: Dag) -> CausalGraph:
    latent = dag.latent if dag.observed is None else [node for node in dag.nodes if node not in dag.observed]
    graph = build_graph(dag.nodes, dag.edges, dag.bidirected, latent)
    require_nodes(graph, dag.observed or [])
    return graph


def _render_identification(found: Identification) -> ValidateResponse:
    return ValidateResponse(
        status="identifiable",
        method=found.method,
        minimal_set=None if found.minimal_set is None else list(found.minimal_set),
        adjustment_sets=[list(each) for each in found.lists.adjustment_sets],
        front_door_sets=[list(each) for each in found.lists.front_door_sets],
        instruments=[InstrumentBody(name=each.name, given=list(each.given)) for each in found.lists.instruments],
        backdoor_paths=list(found.lists.backdoor_paths),
        estimand=found.estimand,
        reason=found.reason,
        attempted_methods=list(found.attempted_methods),
        partial=list(found.lists.partial),
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
