"""What clients send to and get from the outcome routes. Names are identifiers: there is no field for free text."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from service.api.schemas import Body, Name, SetValue
from service.database.outcomes import FORECASTS_LIMIT, SUMMARY_LIMIT
from service.model import MAGNITUDE_LIMIT
from service.outcomes import Option, Outcome
from service.plot.client import Comparison

OPTIONS_LIMIT: Final = 10
SPREAD_MINIMUM: Final = 1e-9

OutcomeId = Annotated[str, StringConstraints(pattern="^out_[0-9a-f]{16}$")]
Spread = Annotated[float, Field(ge=SPREAD_MINIMUM, le=MAGNITUDE_LIMIT, allow_inf_nan=False)]

EXAMPLE: Final[dict[str, JsonValue]] = {
    "decision": "discount",
    "options": [{"id": "keep", "mean": 120, "std": 15}, {"id": "ten_percent", "mean": 138, "std": 25}],
    "chosen": "ten_percent",
}


class OptionBody(Body):
    """One thing that could be done, with the normal forecast of its result; more is better."""

    id: Name
    mean: SetValue
    std: Spread


class LogRequest(Body):
    """What was decided, between which options, on which forecasts."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    decision: Name = Field(description="Which kind of decision it is; summaries are by it")
    options: list[OptionBody] = Field(min_length=2, max_length=OPTIONS_LIMIT)
    chosen: Name
    actual: SetValue | None = Field(default=None, description="What came of it, where that is known already")

    @model_validator(mode="after")
    def _require_chosen(self) -> Self:
        names = [option.id for option in self.options]
        if len(set(names)) != len(names) or self.chosen not in names:
            raise ValueError("options must have different ids, and chosen must be one of them")
        return self

    def to_options(self) -> tuple[Option, ...]:
        """Convert to plain records."""
        return tuple(Option(option.id, option.mean, option.std) for option in self.options)


class ActualRequest(Body):
    """What came of it."""

    actual: SetValue


class OutcomeResponse(BaseModel):
    """A decision as it is kept."""

    id: str
    logged_at: datetime
    decision: str
    options: list[OptionBody]
    chosen: str
    win_probability: float | None = Field(description="That the chosen option turns out best; null if not scored")
    expected_regret: float | None = Field(description="Expected best result less that of the chosen option")
    actual: float | None = Field(description="What came of it; null until it is known")
    observed_at: datetime | None
    degraded: bool = Field(description="Kept without a score, since the PLoT engine did not answer")
    request_id: str


class SummaryResponse(BaseModel):
    """How decisions of one kind have fared."""

    decision: str
    logged: int = Field(description=f"Of the latest {SUMMARY_LIMIT}, like all that follows")
    scored: int
    observed: int
    mean_win_probability: float | None
    mean_expected_regret: float | None
    comparison: Comparison | None = Field(
        description=f"Of the latest {FORECASTS_LIMIT} with a result; null if there is none"
    )
    request_id: str


def render_outcome(outcome: Outcome, request_id: str) -> OutcomeResponse:
    """Show a decision."""
    score = outcome.score
    return OutcomeResponse(
        id=outcome.id,
        logged_at=outcome.logged_at,
        decision=outcome.decision,
        options=[OptionBody(id=each.id, mean=each.mean, std=each.std) for each in outcome.options],
        chosen=outcome.chosen.id,
        win_probability=score.win_probability if score else None,
        expected_regret=score.expected_regret if score else None,
        actual=outcome.actual,
        observed_at=outcome.observed_at,
        degraded=score is None,
        request_id=request_id,
    )
