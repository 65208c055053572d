"""What clients send to and get from the causal routes. Sizes are bounded here, before anything is computed."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, StringConstraints, model_validator

from service.counterfactual import SAMPLES_DEFAULT, SAMPLES_LIMIT, SAMPLES_MINIMUM, SEED_BITS
from service.expressions import LENGTH_LIMIT
from service.graph import EDGES_LIMIT, NODES_LIMIT
from service.identification.answer import Method, Status
from service.identification.front_door import FRONT_DOOR_SIZE_LIMIT
from service.identification.listing import INSTRUMENTS_LIMIT, PATHS_LIMIT, SETS_LIMIT
from service.model import MAGNITUDE_LIMIT, StructuralModel, build_model, parse_distribution

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
    """A causal graph; bidirected edges and latent nodes stand for unobserved causes."""

    nodes: list[Name] = Field(max_length=NODES_LIMIT)
    edges: list[Pair] = Field(max_length=EDGES_LIMIT)
    bidirected: list[Pair] = Field(default=[], max_length=EDGES_LIMIT)
    latent: list[Name] = Field(
        default=[], max_length=NODES_LIMIT, description="Those of the nodes that nobody observes"
    )
    observed: list[Name] | None = Field(
        default=None, max_length=NODES_LIMIT, description="Instead of `latent`: all other nodes are latent"
    )

    @model_validator(mode="after")
    def _require_one_way(self) -> Self:
        if self.latent and self.observed is not None:
            raise ValueError("give either latent or observed")
        return self


class ValidateRequest(Body):
    """Can the effect of the treatment on the outcome be identified from what is observed?"""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dag": DAG_EXAMPLE, "treatment": "discount", "outcome": "orders"}]}
    )

    dag: Dag
    treatment: Name
    outcome: Name


class InstrumentBody(BaseModel):
    """An instrument. It identifies the effect only under further assumptions, such as linearity."""

    name: str
    given: list[str] = Field(description="What to condition on")


class Validated(BaseModel):
    """The effect in terms of what is observed, and every simple way to get at it."""

    status: Status
    method: Method = Field(description="The first of attempted_methods that works; none-needed: nothing to adjust for")
    minimal_set: list[str] | None = Field(description="The smallest adjustment set; null where none is used")
    adjustment_sets: list[list[str]] = Field(description=f"Minimal back-door sets, at most {SETS_LIMIT}")
    front_door_sets: list[list[str]] = Field(
        description=f"Minimal front-door sets of up to {FRONT_DOOR_SIZE_LIMIT} nodes, at most {SETS_LIMIT}"
    )
    instruments: list[InstrumentBody] = Field(description=f"At most {INSTRUMENTS_LIMIT}, each node once")
    backdoor_paths: list[str] = Field(description=f"Shortest first, at most {PATHS_LIMIT}, blocked ones included")
    estimand: str | None = Field(
        description="P(outcome | do(treatment)). Sums reach to the end of their product, a prime marks a second value"
        " of one variable; null if it is too long to be read"
    )
    reason: str
    attempted_methods: list[str]
    partial: list[str] = Field(description="What has been left out at a limit; empty if nothing has")


class ValidateResponse(Validated):
    """The same, as the answer to one request."""

    cache_hit: bool = Field(description="Whether it had been computed before")
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

    def to_model(self) -> StructuralModel:
        """Parse and check it. Raises IslError, as `build_model` and `parse_distribution` do."""
        distributions = {
            name: parse_distribution(name, each.type, each.parameters) for name, each in self.distributions.items()
        }
        return build_model(self.variables, self.equations, distributions)


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
