"""How sensitive an estimate is to unmeasured confounding. One estimate in, in the form in which studies report it."""

from functools import partial
from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from service.api.computing import ERROR_RESPONSES, compute, hold_back
from service.api.crumbs import name_computation
from service.api.schemas import Body, SetValue
from service.error_bodies import left_out_if_none
from service.graph import Checkpoint
from service.model import MAGNITUDE_LIMIT
from service.request_id import current_request_id
from service.sensitivity import (
    EValue,
    OutcomeFrequency,
    RatioEstimate,
    RatioMeasure,
    RobustnessValue,
    difference_to_risk_ratio,
    find_e_value,
    find_robustness_value,
    to_risk_ratio,
)

PREFIX: Final = "/api/v1/analysis"
RATIO_LIMIT: Final = 1e6  # no study reports more, nor less than its inverse
DEVIATIONS_LIMIT: Final = 100.0  # standard deviations of the outcome
STANDARD_ERROR_MINIMUM: Final = 1e-9
DEGREES_LIMIT: Final = 10**9

Ratio = Annotated[float, Field(ge=1 / RATIO_LIMIT, le=RATIO_LIMIT, allow_inf_nan=False)]

RATIO_EXAMPLE: Final[dict[str, JsonValue]] = {
    "estimate": {"kind": "ratio", "measure": "risk_ratio", "value": 10.73, "lower": 8.02, "upper": 14.36}
}
REGRESSION_EXAMPLE: Final[dict[str, JsonValue]] = {
    "estimate": {"kind": "regression", "value": 0.097, "standard_error": 0.023, "degrees_of_freedom": 783}
}


class RatioBody(Body):
    """A ratio with its confidence limits. Odds and hazard ratios need to know whether the outcome is rare."""

    kind: Literal["ratio"]
    measure: RatioMeasure
    value: Ratio
    lower: Ratio | None = None
    upper: Ratio | None = None
    outcome: OutcomeFrequency | None = Field(
        default=None, description="rare: in under 15 % of the subjects. Needed for odds_ratio and hazard_ratio"
    )

    @model_validator(mode="after")
    def _require_sense(self) -> Self:
        if (self.lower is None) != (self.upper is None):
            raise ValueError("give both lower and upper, or neither")
        if self.lower is not None and self.upper is not None and not self.lower <= self.value <= self.upper:
            raise ValueError("value must lie between lower and upper")
        if self.measure != "risk_ratio" and self.outcome is None:
            raise ValueError(f"{self.measure} needs outcome: rare or common")
        return self


class DifferenceBody(Body):
    """A difference of means, in standard deviations of the outcome (Cohen's d)."""

    kind: Literal["difference"]
    value: Annotated[float, Field(ge=-DEVIATIONS_LIMIT, le=DEVIATIONS_LIMIT, allow_inf_nan=False)]
    standard_error: (
        Annotated[float, Field(ge=STANDARD_ERROR_MINIMUM, le=DEVIATIONS_LIMIT, allow_inf_nan=False)] | None
    ) = None


class RegressionBody(Body):
    """The treatment's coefficient in a linear regression, as its table shows it."""

    kind: Literal["regression"]
    value: SetValue
    standard_error: Annotated[float, Field(ge=STANDARD_ERROR_MINIMUM, le=MAGNITUDE_LIMIT, allow_inf_nan=False)]
    degrees_of_freedom: int = Field(ge=2, le=DEGREES_LIMIT, description="Of the residuals")
    q: float = Field(default=1.0, gt=0, le=1, description="Share by which confounding reduces the estimate; 1: to 0")
    alpha: float = Field(default=0.05, ge=0.0001, le=0.5, description="Level of significance, two-sided")


class SensitivityRequest(Body):
    """One estimate."""

    model_config = ConfigDict(json_schema_extra={"examples": [RATIO_EXAMPLE, REGRESSION_EXAMPLE]})

    estimate: Annotated[RatioBody | DifferenceBody | RegressionBody, Field(discriminator="kind")]


class EValueBody(BaseModel):
    """Of a ratio or a difference. 1 means that no confounder is needed."""

    risk_ratio: float = Field(description="The estimate on the scale of the risk ratio")
    point: float = Field(description="Least risk ratio with both treatment and outcome that moves the estimate to 1")
    limit: float | None = Field(description="The same for the confidence limit nearer to 1; null without limits")


class RobustnessBody(BaseModel):
    """Of a regression: shares of residual variance, 0 to 1, to be explained of both treatment and outcome."""

    t_value: float
    partial_r2: float = Field(description="Of the treatment with the outcome")
    point: float = Field(description="Enough to reduce the estimate by the share q")
    significance: float = Field(description="Enough to leave it not significant at alpha; 0: it is not as it stands")


class SensitivityResponse(BaseModel):
    """One of the two, and what it says."""

    e_value: EValueBody | None = left_out_if_none()
    robustness_value: RobustnessBody | None = left_out_if_none()
    interpretation: str
    request_id: str


router = APIRouter(prefix=PREFIX, tags=["analysis"], responses=ERROR_RESPONSES, dependencies=[Depends(hold_back)])


@router.post("/sensitivity", response_model=SensitivityResponse)
async def assess_sensitivity(body: SensitivityRequest, request: Request) -> Response:
    """Say how strong an unmeasured confounder must be to overturn an effect, by E-value or robustness value."""
    return await compute(request, partial(_assess, body.estimate))


def _assess(estimate: RatioBody | DifferenceBody | RegressionBody, checkpoint: Checkpoint) -> SensitivityResponse:
    name_computation("sensitivity")
    checkpoint()
    if isinstance(estimate, RegressionBody):
        found = find_robustness_value(
            estimate.value, estimate.standard_error, estimate.degrees_of_freedom, estimate.q, estimate.alpha
        )
        return _render_robustness(found, estimate)
    return _render_e_value(find_e_value(_to_risk_ratio(estimate)))


def _to_risk_ratio(estimate: RatioBody | DifferenceBody) -> RatioEstimate:
    if isinstance(estimate, DifferenceBody):
        return difference_to_risk_ratio(estimate.value, estimate.standard_error)
    given = RatioEstimate(estimate.value, estimate.lower, estimate.upper)
    return to_risk_ratio(estimate.measure, estimate.outcome or "rare", given)


def _render_e_value(found: EValue) -> SensitivityResponse:
    text = (
        f"An unmeasured confounder associated with both treatment and outcome by a risk ratio of {found.point:.2f}"
        " each, beyond what is adjusted for, could explain the estimate away; weaker confounding could not"
    )
    body = EValueBody(risk_ratio=found.risk_ratio.point, point=found.point, limit=found.limit)
    return SensitivityResponse(e_value=body, interpretation=text, request_id=current_request_id())


def _render_robustness(found: RobustnessValue, estimate: RegressionBody) -> SensitivityResponse:
    text = (
        f"Unmeasured confounders that explain {found.point:.1%} of the residual variance of both treatment and outcome"
        f" are strong enough to reduce the estimate by {estimate.q:.0%}; {found.significance:.1%} of both is enough to"
        f" leave it not significant at {estimate.alpha:g}"
    )
    body = RobustnessBody(
        t_value=found.t_value, partial_r2=found.partial_r2, point=found.point, significance=found.significance
    )
    return SensitivityResponse(robustness_value=body, interpretation=text, request_id=current_request_id())
