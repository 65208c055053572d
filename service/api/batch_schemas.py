"""What clients send to and get from the batch routes."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from service.api.refused_as import refused_as
from service.api.schemas import (
    DAG_EXAMPLE,
    MODEL_EXAMPLE,
    Body,
    ModelBody,
    Name,
    SetValue,
    Validated,
    ValidateRequest,
)
from service.counterfactual import SAMPLES_DEFAULT, SAMPLES_LIMIT, SAMPLES_MINIMUM, SEED_BITS
from service.error_bodies import ErrorBody, left_out_if_none
from service.errors import ErrorCode
from service.graph import NODES_LIMIT
from service.scenarios import Objective

ITEMS_LIMIT: Final = 50
SCENARIOS_LIMIT: Final = 20  # of 10,000 draws each: the outcome alone is 1.6 MB
LABEL_LIMIT: Final = 200  # characters

CYCLE_EXAMPLE: Final[JsonValue] = {"nodes": ["x", "y"], "edges": [["x", "y"], ["y", "x"]]}
BATCH_EXAMPLE: Final[dict[str, JsonValue]] = {
    "items": [
        {"dag": DAG_EXAMPLE, "treatment": "discount", "outcome": "orders"},
        {"dag": CYCLE_EXAMPLE, "treatment": "x", "outcome": "y"},
    ]
}
SCENARIOS_EXAMPLE: Final[dict[str, JsonValue]] = {
    "model": MODEL_EXAMPLE,
    "scenarios": [
        {"id": "none", "intervention": {"discount": 0}},
        {"id": "ten", "intervention": {"discount": 10}, "label": "ten per cent off"},
    ],
    "outcome": "orders",
    "seed": 7,
}


class BatchValidateRequest(Body):
    """Up to 50 questions. The shape of all is checked first; an item that does not have it refuses the whole batch."""

    model_config = ConfigDict(json_schema_extra={"examples": [BATCH_EXAMPLE]})

    items: Annotated[
        list[ValidateRequest],
        Field(min_length=1, max_length=ITEMS_LIMIT),
        refused_as(ErrorCode.ISL_BATCH_SIZE_EXCEEDED, "too_long"),
    ]


class BatchItem(BaseModel):
    """One answer: what `causal/validate` would have said, with its cache_hit, or the error it would have given."""

    index: int = Field(description="Place in the request, from 0")
    result: Validated | None = left_out_if_none()
    cache_hit: bool | None = left_out_if_none()
    error: ErrorBody | None = left_out_if_none()


class BatchValidateResponse(BaseModel):
    """All answers, in the order of the request."""

    items: list[BatchItem]
    succeeded: int
    failed: int
    request_id: str


class ScenarioBody(Body):
    """One thing that could be done. With an empty intervention, nothing is."""

    id: Name
    intervention: dict[Name, SetValue] = Field(max_length=NODES_LIMIT)
    label: str | None = Field(default=None, max_length=LABEL_LIMIT)


class ScenariosRequest(Body):
    """Which of these does best? All are computed on the same draws; the first is what the others are compared with."""

    model_config = ConfigDict(json_schema_extra={"examples": [SCENARIOS_EXAMPLE]})

    model: ModelBody
    scenarios: Annotated[
        list[ScenarioBody],
        Field(min_length=2, max_length=SCENARIOS_LIMIT),
        refused_as(ErrorCode.ISL_BATCH_SIZE_EXCEEDED, "too_long"),
    ]
    outcome: Name
    objective: Objective = "maximize"
    samples: int = Field(default=SAMPLES_DEFAULT, ge=SAMPLES_MINIMUM, le=SAMPLES_LIMIT)
    seed: int | None = Field(default=None, ge=0, lt=2**SEED_BITS, description="From the request itself if not given")

    @model_validator(mode="after")
    def _require_different_ids(self) -> Self:
        if len({each.id for each in self.scenarios}) != len(self.scenarios):
            raise ValueError("scenarios must have different ids")
        return self


class ScenarioResult(BaseModel):
    """One scenario: its outcome, and how it compares with the first, draw by draw."""

    id: str
    label: str | None
    mean: float
    standard_error: float = Field(description="Of the mean")
    point_estimate: float = Field(description="Median")
    p10: float
    p90: float
    win_probability: float = Field(description="Share of the draws in which it does best; draws that tie are split")
    difference: float = Field(description="Mean of it less the first, on the same draws")
    difference_standard_error: float = Field(description="Of that mean; smaller than that of separate draws")
    difference_lower: float = Field(description="2.5 % quantile of the difference")
    difference_upper: float = Field(description="97.5 % quantile of the difference")


class Comparison(BaseModel):
    """Which does best, by two ways to look at it."""

    baseline: str
    best_by_mean: str
    best_by_win_probability: str
    expected_gain: float = Field(description="How much the best by mean does better than the baseline, 0 if that is it")


class ScenariosResponse(BaseModel):
    """All scenarios, in the order of the request."""

    outcome: str
    scenarios: list[ScenarioResult]
    comparison: Comparison
    samples: int
    seed: int
    request_id: str
