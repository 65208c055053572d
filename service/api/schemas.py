"""What clients send to and get from the causal routes. Sizes are bounded here, before anything is computed."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, StringConstraints

from service.counterfactual import SAMPLES_DEFAULT, SAMPLES_LIMIT, SAMPLES_MINIMUM, SEED_BITS
from service.expressions import LENGTH_LIMIT
from service.graph import EDGES_LIMIT, NODES_LIMIT
from service.identify import Method, Status
from service.model import MAGNITUDE_LIMIT

NAME_LIMIT: Final = 100  # characters
EQUATIONS_LIMIT: Final = 100
PARAMETERS_LIMIT: Final = 10  # no family has more than two

Name = Annotated[str, StringConstraints(pattern="^[A-Za-z_][A-Za-z0-9_]*$", max_length=NAME_LIMIT)]
SetValue = Annotated[float, Field(ge=-MAGNITUDE_LIMIT, le=MAGNITUDE_LIMIT, allow_inf_nan=False)]
# JSON has no tuples: a pair arrives as a list, which strict mode would refuse.
Pair = Annotated[tuple[Name, Name], Field(strict=False)]

DAG_EXAMPLE: Final[dict[str, JsonValue]] = {
    "nodes": ["region", "discount", "visits", "orders"],
    "edges": [["region", "discount"], ["region", "orders"], ["discount", "visits"], ["visits", "orders"]],
}
MODEL_EXAMPLE: Final[dict[str, JsonValue]] = {
    "variables": ["discount", "visits", "orders"],
    "equations": {"visits": "base_visits + 40*discount", "orders": "0.03*visits - 2*discount"},
    "distributions": {"base_visits": {"type": "normal", "parameters": {"mean": 5000, "std": 400}}},
}


class Body(BaseModel):
    """Strict: no unknown fields, no numbers as strings."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Dag(Body):
    """A causal graph; bidirected edges stand for unobserved common causes."""

    nodes: list[Name] = Field(max_length=NODES_LIMIT)
    edges: list[Pair] = Field(max_length=EDGES_LIMIT)
    bidirected: list[Pair] = Field(default=[], max_length=EDGES_LIMIT)


class ValidateRequest(Body):
    """Can the effect of the treatment on the outcome be identified by adjustment?"""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dag": DAG_EXAMPLE, "treatment": "discount", "outcome": "orders"}]}
    )

    dag: Dag
    treatment: Name
    outcome: Name


class ValidateResponse(BaseModel):
    """The sets to adjust for, and the estimand; nulls where no set exists."""

    status: Status
    method: Method | None
    minimal_set: list[str] | None
    adjustment_sets: list[list[str]]
    backdoor_paths: list[str]
    estimand: str | None
    reason: str
    attempted_methods: list[str]
    request_id: str


class DistributionBody(Body):
    """normal(mean, std), uniform(min, max), beta(alpha, beta) or exponential(scale)."""

    type: str = Field(max_length=NAME_LIMIT, examples=["normal"])
    parameters: dict[Name, FiniteFloat] = Field(max_length=PARAMETERS_LIMIT)


class ModelBody(Body):
    """A structural model; variables with neither an equation nor a distribution must be set or unused."""

    variables: list[Name] = Field(min_length=1, max_length=NODES_LIMIT)
    equations: dict[Name, Annotated[str, StringConstraints(max_length=LENGTH_LIMIT)]] = Field(
        max_length=EQUATIONS_LIMIT
    )
    distributions: dict[Name, DistributionBody] = Field(default={}, max_length=EQUATIONS_LIMIT)


class CounterfactualRequest(Body):
    """What would the outcome be, were these variables set to these values?"""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": MODEL_EXAMPLE, "intervention": {"discount": 10}, "outcome": "orders", "seed": 7}]
        }
    )

    model: ModelBody
    intervention: dict[Name, SetValue] = Field(max_length=NODES_LIMIT)
    outcome: Name
    samples: int = Field(default=SAMPLES_DEFAULT, ge=SAMPLES_MINIMUM, le=SAMPLES_LIMIT)
    seed: int | None = Field(default=None, ge=0, lt=2**SEED_BITS, description="From the request itself if not given")


class Interval(BaseModel):
    """The central 95 % of the draws."""

    lower: float
    upper: float
    confidence_level: float = 0.95


class CounterfactualResponse(BaseModel):
    """The outcome under the intervention."""

    outcome: str
    point_estimate: float = Field(description="Median")
    mean: float
    standard_error: float = Field(description="Of the mean")
    interval: Interval
    p10: float
    p90: float
    samples: int
    seed: int
    request_id: str
