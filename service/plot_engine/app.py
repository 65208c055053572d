"""The two routes of PLoT that the service calls. No Sentry in here: the rehearsal watches the service alone."""

from typing import Annotated, Final, Self

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.plot_engine.scoring import Normal, compare, score_choice

OPTIONS_LIMIT: Final = 10
FORECASTS_LIMIT: Final = 1000
ID_LIMIT: Final = 100  # characters

MAGNITUDE_LIMIT: Final = 1e12  # keeps every square and sum far from overflow
SPREAD_MINIMUM: Final = 1e-9

Value = Annotated[float, Field(ge=-MAGNITUDE_LIMIT, le=MAGNITUDE_LIMIT, allow_inf_nan=False)]
Spread = Annotated[float, Field(ge=SPREAD_MINIMUM, le=MAGNITUDE_LIMIT, allow_inf_nan=False)]


class Body(BaseModel):
    """Strict in what it takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Option(Body):
    """One option with the normal forecast of its result."""

    id: str = Field(max_length=ID_LIMIT)
    mean: Value
    std: Spread


class RunRequest(Body):
    """How good is this choice?"""

    options: list[Option] = Field(min_length=2, max_length=OPTIONS_LIMIT)
    chosen: str = Field(max_length=ID_LIMIT)

    @model_validator(mode="after")
    def _require_chosen(self) -> Self:
        if [option.id for option in self.options].count(self.chosen) != 1:
            raise ValueError("chosen must be the id of exactly one option")
        return self


class RunAnswer(BaseModel):
    """How good it is."""

    win_probability: float
    expected_regret: float


class Forecast(Body):
    """A forecast and its result."""

    mean: Value
    std: Spread
    actual: Value


class CompareRequest(Body):
    """How did these forecasts fare?"""

    forecasts: list[Forecast] = Field(min_length=1, max_length=FORECASTS_LIMIT)


class CompareAnswer(BaseModel):
    """How they fared."""

    count: int
    crps: float
    bias: float
    coverage_90: float


app = FastAPI(title="PLoT engine (stand-in)")


@app.get("/health")
async def health() -> dict[str, str]:
    """Answer."""
    return {"status": "healthy"}


@app.post("/v1/run")
async def run(body: RunRequest) -> RunAnswer:
    """Score a choice; at most some milliseconds of numpy."""
    chosen = next(index for index, option in enumerate(body.options) if option.id == body.chosen)
    found = score_choice([Normal(option.mean, option.std) for option in body.options], chosen)
    return RunAnswer(win_probability=found.win_probability, expected_regret=found.expected_regret)


@app.post("/v1/compare")
async def compare_forecasts(body: CompareRequest) -> CompareAnswer:
    """Score forecasts against what happened."""
    forecasts = [Normal(each.mean, each.std) for each in body.forecasts]
    found = compare(forecasts, [each.actual for each in body.forecasts])
    return CompareAnswer(count=len(forecasts), crps=found.crps, bias=found.bias, coverage_90=found.coverage_90)
