"""How strong would an unmeasured confounder have to be to explain an estimated effect away?

Two answers, by what the estimate is: the E-value of a ratio or of a standardized difference, and the robustness value
of a coefficient of a linear regression. Both say what it takes, and not whether such a confounder exists.
"""

from dataclasses import dataclass
from math import exp, exp2, hypot, sqrt
from typing import Final, Literal

from service.student_t import critical_t

RatioMeasure = Literal["risk_ratio", "odds_ratio", "hazard_ratio"]
OutcomeFrequency = Literal["rare", "common"]  # rare: in under 15 % of the subjects at the end of follow-up

# Chinn 2000 and VanderWeele 2017, as in VanderWeele & Ding 2017, table 2.
SLOPE_PER_DEVIATION: Final = 0.91  # log risk ratio per standard deviation of the outcome
LIMIT_PER_STANDARD_ERROR: Final = 1.78  # 0.91 times 1.96


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """An estimate on the scale of the risk ratio, and the confidence limits if they are known."""

    point: float  # over 0; 1 is no effect
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class EValue:
    """The least risk ratio that a confounder needs with both treatment and outcome; 1: none is needed."""

    risk_ratio: RatioEstimate  # what it was computed from
    point: float  # to move the estimate to 1
    limit: float | None  # to move the nearer confidence limit to 1; None where there are no limits


@dataclass(frozen=True, slots=True)
class RobustnessValue:
    """Shares of residual variance, 0 to 1, that a confounder needs of both treatment and outcome."""

    t_value: float
    partial_r2: float  # of the treatment with the outcome: a confounder that explains all of the outcome needs as much
    point: float  # RV_q: to reduce the estimate by the share q
    significance: float  # RV_q,alpha: to make it no longer differ from (1 - q) times itself, at the level alpha


def to_risk_ratio(measure: RatioMeasure, frequency: OutcomeFrequency, given: RatioEstimate) -> RatioEstimate:
    """Put a ratio on the scale of the risk ratio; with a rare outcome all three are nearly the same.

    Source: VanderWeele & Ding 2017, "Sensitivity analysis in observational research: introducing the E-value", Annals
    of Internal Medicine 167(4), table 2: sqrt(OR), and (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)).
    """
    if measure == "risk_ratio" or frequency == "rare":
        return given
    convert = sqrt if measure == "odds_ratio" else _convert_hazard_ratio
    return RatioEstimate(
        convert(given.point),
        None if given.lower is None else convert(given.lower),
        None if given.upper is None else convert(given.upper),
    )


def difference_to_risk_ratio(difference: float, standard_error: float | None) -> RatioEstimate:
    """Put a difference of means, in standard deviations of the outcome, on the scale of the risk ratio.

    Source: VanderWeele & Ding 2017, table 2: exp(0.91 d), limits exp(0.91 d -+ 1.78 s_d).
    """
    centre = SLOPE_PER_DEVIATION * difference
    if standard_error is None:
        return RatioEstimate(exp(centre))
    reach = LIMIT_PER_STANDARD_ERROR * standard_error
    return RatioEstimate(exp(centre), exp(centre - reach), exp(centre + reach))


def find_e_value(estimate: RatioEstimate) -> EValue:
    """Compute the E-values of an estimate and of its confidence limit.

    Source: VanderWeele & Ding 2017, "The E-value": RR + sqrt(RR (RR - 1)), with 1/RR in place of an RR under 1; of the
    limit that is nearer to 1, and 1 where the interval holds 1.
    """
    is_harmful = estimate.point >= 1
    nearer = estimate.lower if is_harmful else estimate.upper
    if nearer is None:
        return EValue(estimate, _e_value(estimate.point), None)
    crosses = nearer <= 1 if is_harmful else nearer >= 1
    return EValue(estimate, _e_value(estimate.point), 1.0 if crosses else _e_value(nearer))


def find_robustness_value(
    estimate: float, standard_error: float, degrees_of_freedom: int, q: float, alpha: float
) -> RobustnessValue:
    """Compute partial R2 and robustness values of a coefficient; `degrees_of_freedom` are the residual ones.

    Source: Cinelli & Hazlett 2020, "Making sense of sensitivity: extending omitted variable bias", JRSS B 82(1):
    f = |t| / sqrt(df), partial R2 = t^2 / (t^2 + df), and their definitions of RV_q and RV_q,alpha.
    """
    t_value = estimate / standard_error
    f = abs(t_value) / sqrt(degrees_of_freedom)
    critical = critical_t(degrees_of_freedom - 1, alpha) / sqrt(degrees_of_freedom - 1)
    return RobustnessValue(
        t_value=t_value,
        partial_r2=_share(f),
        point=_robustness(q * f),
        significance=_robustness_to_significance(q * f, critical),
    )


def _e_value(ratio: float) -> float:
    above = max(ratio, 1 / ratio)
    return above + sqrt(above * (above - 1))


def _convert_hazard_ratio(ratio: float) -> float:
    return (1 - exp2(-sqrt(ratio))) / (1 - exp2(-sqrt(1 / ratio)))


def _share(f: float) -> float:
    return f * f / (1 + f * f)


def _robustness(f: float) -> float:
    """Solve RV^2 / (1 - RV) = f^2: (sqrt(f^4 + 4 f^2) - f^2) / 2, without subtraction, and without overflow near 0."""
    return 2 * f / (f + hypot(f, 2))


def _robustness_to_significance(f: float, critical: float) -> float:
    """Find the smallest RV with which |t| can fall to its critical value.

    Usually the confounder explains as much of the outcome as of the treatment, and f - f* takes the place of f. Where
    f > 1 / f*, explaining less of the outcome hurts more, since each bit explained shrinks the standard error too.
    Source: Cinelli & Hazlett 2025, "An omitted variable bias framework for sensitivity analysis of instrumental
    variables", Biometrika 112(2), the extreme and the usual robustness value.
    """
    if f <= critical:
        return 0.0
    if f * critical <= 1:
        return _robustness(f - critical)
    return (f * f - critical * critical) / (1 + f * f)
