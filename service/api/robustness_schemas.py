"""What clients send to and get from `robustness/analyze`."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from service.api.refused_as import refused_as
from service.api.schemas import Body, Name
from service.counterfactual import SAMPLES_DEFAULT, SAMPLES_LIMIT, SAMPLES_MINIMUM, SEED_BITS
from service.errors import ErrorCode
from service.graph import EDGES_LIMIT, NODES_LIMIT
from service.robustness import ANALYSES, INFLUENTIAL_LIMIT, Analysis
from service.scenarios import Objective
from service.uncertain import SETTING_LIMIT, STRENGTH_LIMIT, Choice, Question, UncertainEdge, build_question

OPTIONS_MINIMUM: Final = 2
OPTIONS_LIMIT: Final = 10
BUDGET_MINIMUM_MS: Final = 50
BUDGET_LIMIT_MS: Final = 10_000  # what is left of the deadline is for the queue and the last chunk
BUDGET_DEFAULT_MS: Final = 2000
# Arrows x options x samples: what one pass over all worlds costs, and one pass per arrow is asked for. The worlds of 50
# arrows and 10 options can still be as many as anywhere.
WORK_LIMIT: Final = 5_000_000

Probability = Annotated[float, Field(ge=0, le=1), refused_as(ErrorCode.ISL_INVALID_PROBABILITY)]
# Beyond 0.999 an interval would rest on a handful of the draws.
ConfidenceLevel = Annotated[float, Field(ge=0.5, le=0.999), refused_as(ErrorCode.ISL_INVALID_CONFIDENCE_LEVEL)]

ROBUSTNESS_EXAMPLE: Final[dict[str, JsonValue]] = {
    "nodes": ["staff", "overtime", "throughput"],
    "edges": [
        {
            "cause": "staff",
            "effect": "throughput",
            "exists_probability": 0.9,
            "strength": {"mean": 0.6, "std": 0.15},
        },
        {"cause": "overtime", "effect": "throughput", "strength": {"mean": 0.4, "std": 0.3}},
    ],
    "options": [
        {"id": "hire", "interventions": {"staff": 0.8, "overtime": 0}},
        {"id": "overtime", "interventions": {"staff": 0.5, "overtime": 0.5}},
    ],
    "goal": "throughput",
    "seed": 3,
}


class StrengthBody(Body):
    """A normally distributed strength, given that the arrow exists."""

    mean: float = Field(ge=-STRENGTH_LIMIT, le=STRENGTH_LIMIT, allow_inf_nan=False)
    std: float = Field(default=0.0, ge=0, le=STRENGTH_LIMIT, allow_inf_nan=False)


class UncertainEdgeBody(Body):
    """An arrow of which neither existence nor strength need be certain."""

    cause: Name
    effect: Name
    exists_probability: Probability = 1.0
    strength: StrengthBody


class ChoiceBody(Body):
    """Something that could be done: nodes, and the values that they are set to."""

    id: Name
    interventions: dict[Name, Annotated[float, Field(ge=-SETTING_LIMIT, le=SETTING_LIMIT, allow_inf_nan=False)]] = (
        Field(max_length=NODES_LIMIT)
    )


class RobustnessRequest(Body):
    """Does the best option stay the best when the graph itself is uncertain?"""

    model_config = ConfigDict(json_schema_extra={"examples": [ROBUSTNESS_EXAMPLE]})

    nodes: list[Name] = Field(max_length=NODES_LIMIT)
    edges: list[UncertainEdgeBody] = Field(max_length=EDGES_LIMIT)
    options: Annotated[
        list[ChoiceBody],
        Field(min_length=OPTIONS_MINIMUM, max_length=OPTIONS_LIMIT),
        refused_as(ErrorCode.ISL_BATCH_SIZE_EXCEEDED, "too_long"),
    ]
    goal: Name
    objective: Objective = "maximize"
    analyses: list[Analysis] = Field(default=list(ANALYSES), max_length=len(ANALYSES))
    samples: int = Field(default=SAMPLES_DEFAULT, ge=SAMPLES_MINIMUM, le=SAMPLES_LIMIT)
    confidence_level: ConfidenceLevel = 0.95
    seed: int | None = Field(default=None, ge=0, lt=2**SEED_BITS, description="From the request itself if not given")
    budget_ms: int = Field(
        default=BUDGET_DEFAULT_MS,
        ge=BUDGET_MINIMUM_MS,
        le=BUDGET_LIMIT_MS,
        description="Computing time after which no further piece of work is begun; the answer is then partial",
    )

    @model_validator(mode="after")
    def _require_sense(self) -> Self:
        if len({each.id for each in self.options}) != len(self.options):
            raise ValueError("options must have different ids")
        if len(self.edges) * len(self.options) * self.samples > WORK_LIMIT:
            raise ValueError(f"edges x options x samples must not exceed {WORK_LIMIT}")
        return self

    def to_question(self) -> Question:
        """Check it. Raises IslError, as `build_question` does."""
        edges = [
            UncertainEdge(each.cause, each.effect, each.exists_probability, each.strength.mean, each.strength.std)
            for each in self.edges
        ]
        choices = [Choice(each.id, each.interventions) for each in self.options]
        return build_question(self.nodes, edges, choices, self.goal, self.objective)


class ChoiceOutcomeBody(BaseModel):
    """The goal under one option, over all drawn worlds."""

    id: str
    mean: float
    lower: float = Field(description="Of the central interval at the asked confidence level")
    upper: float
    win_probability: float = Field(description="Share of the worlds in which it does best; worlds that tie are split")
    expected_regret: float = Field(description="Mean by which it falls short of the best of each world")


class EdgeInfluenceBody(BaseModel):
    """How much of the lead of the best option hangs on one arrow."""

    edge: str
    correlation: float = Field(description="Of the arrow's effect with the lead over the next option, -1 to 1")


class RobustnessResponse(BaseModel):
    """What was found within the budget, and what was not."""

    partial: bool = Field(description="Some of what was asked for was not finished within the budget")
    completed_analyses: list[Analysis]
    skipped_analyses: list[Analysis] = Field(description="Not finished; of removal, what it had found is in the answer")
    samples: int = Field(description="Worlds drawn; fewer than asked for when the budget ended first")
    best: str = Field(description="By its mean")
    options: list[ChoiceOutcomeBody]
    influences: list[EdgeInfluenceBody] = Field(description=f"Strongest first, at most {INFLUENTIAL_LIMIT}")
    critical_edges: list[str] = Field(description="Without one of these, another option has the better mean")
    seed: int
    request_id: str
