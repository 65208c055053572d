"""E-values and robustness values against published numbers, and against what they mean."""

from math import inf, sqrt
from typing import Any

import numpy as np
import pytest

from service.app import build_app
from service.sensitivity import RatioEstimate, difference_to_risk_ratio, find_e_value, find_robustness_value
from service.student_t import critical_t
from tests.unit.service.asking import post
from tests.unit.service.quiet import quiet_settings

APP = build_app(quiet_settings(ISL_PLOT_URL="http://127.0.0.1:9"))
SENSITIVITY = "/api/v1/analysis/sensitivity"
DARFUR: dict[str, Any] = {
    "kind": "regression",
    "value": 0.09731582,
    "standard_error": 0.02325654,
    "degrees_of_freedom": 783,
}


def _ask(**estimate: object) -> dict[str, Any]:
    answer = post(APP, SENSITIVITY, {"estimate": estimate})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    ("value", "lower", "upper", "point", "limit"),
    [
        (10.73, 8.02, 14.36, 20.95, 15.52),  # smoking and lung cancer, Hammond & Horn
        (3.9, 1.8, 8.7, 7.26, 3.0),  # formula feeding and respiratory death, Victora
        (0.80, 0.71, 0.91, 1.81, 1.43),  # breastfeeding and leukaemia: a protective one
    ],
)
def test_e_values_of_the_paper(value: float, lower: float, upper: float, point: float, limit: float) -> None:
    """The examples of VanderWeele & Ding 2017."""
    body = _ask(kind="ratio", measure="risk_ratio", value=value, lower=lower, upper=upper)
    assert body["e_value"]["point"] == pytest.approx(point, abs=0.006)
    assert body["e_value"]["limit"] == pytest.approx(limit, abs=0.006)
    assert "robustness_value" not in body


def test_interval_that_holds_no_effect_needs_no_confounder() -> None:
    assert _ask(kind="ratio", measure="risk_ratio", value=1.2, lower=0.9, upper=1.6)["e_value"]["limit"] == 1
    assert _ask(kind="ratio", measure="risk_ratio", value=1)["e_value"] == {"risk_ratio": 1, "point": 1, "limit": None}


@pytest.mark.parametrize("ratio", [1.01, 2.0, 10.73, 500.0])
def test_e_value_is_the_least_confounding_that_explains_the_ratio(ratio: float) -> None:
    """Ding & VanderWeele 2016: confounding by risk ratios a and b biases by at most a b / (a + b - 1)."""
    point = find_e_value(RatioEstimate(ratio)).point
    assert point * point / (2 * point - 1) == pytest.approx(ratio)
    assert find_e_value(RatioEstimate(1 / ratio)).point == pytest.approx(point)


def test_other_measures_are_put_on_the_scale_of_the_risk_ratio() -> None:
    odds = _ask(kind="ratio", measure="odds_ratio", value=4, outcome="common")["e_value"]
    assert odds["risk_ratio"] == 2  # the square root
    assert _ask(kind="ratio", measure="odds_ratio", value=4, outcome="rare")["e_value"]["risk_ratio"] == 4
    hazard = _ask(kind="ratio", measure="hazard_ratio", value=0.56, lower=0.46, upper=0.69, outcome="common")
    assert hazard["e_value"]["risk_ratio"] == pytest.approx(0.40470 / 0.60396, abs=1e-4)  # by hand
    assert 1 < hazard["e_value"]["limit"] < hazard["e_value"]["point"]
    difference = difference_to_risk_ratio(0.5, 0.1)
    assert difference.point == pytest.approx(1.5762, abs=1e-4)
    assert difference.lower == pytest.approx(1.3192, abs=1e-4)
    assert _ask(kind="difference", value=0.5)["e_value"]["risk_ratio"] == difference.point


def test_robustness_values_of_the_paper() -> None:
    """Cinelli & Hazlett 2020, table 1: exposure to violence in Darfur and attitudes towards peace."""
    found = _ask(**DARFUR)["robustness_value"]
    assert found["t_value"] == pytest.approx(4.184, abs=0.001)
    assert found["partial_r2"] == pytest.approx(0.022, abs=0.0005)
    assert found["point"] == pytest.approx(0.139, abs=0.0005)
    assert found["significance"] == pytest.approx(0.076, abs=0.0005)
    assert "13.9%" in _ask(**DARFUR)["interpretation"]


@pytest.mark.parametrize(("t_value", "degrees"), [(4.18, 783), (2.5, 20), (2.0, 100), (30.0, 10), (8.0, 3)])
def test_robustness_value_is_the_least_confounding_that_overturns(t_value: float, degrees: int) -> None:
    """By search over all confounders, with the bias and standard error of an omitted variable (their eq. 7 and 8)."""
    found = find_robustness_value(t_value, 1.0, degrees, q=1.0, alpha=0.05)
    assert _least_t(t_value, degrees, found.point)[0] == pytest.approx(0, abs=1e-6)
    critical = critical_t(degrees - 1, 0.05)
    if found.significance == 0:
        assert t_value / sqrt(degrees) <= critical / sqrt(degrees - 1)
    else:
        assert _least_t(t_value, degrees, found.significance)[1] == pytest.approx(critical, rel=1e-3)


def _least_t(t_value: float, degrees: int, strength: float) -> tuple[float, float]:
    """Search the least estimate and the least t value, where no partial R2 exceeds `strength`."""
    of_treatment = strength
    of_outcome = np.linspace(0, strength, 100_001)
    bias = np.sqrt(of_outcome * of_treatment / (1 - of_treatment)) * sqrt(degrees)
    error = np.sqrt((1 - of_outcome) / (1 - of_treatment) * degrees / (degrees - 1))
    return float((t_value - bias).min()), float(((t_value - bias) / error).min())


def test_estimate_that_is_not_significant_needs_nothing() -> None:
    found = _ask(**DARFUR | {"value": 0.01})["robustness_value"]
    assert found["significance"] == 0
    assert found["point"] > 0
    assert _ask(**DARFUR | {"value": 0})["robustness_value"]["point"] == 0


@pytest.mark.parametrize(
    "estimate",
    [
        {"kind": "ratio", "measure": "risk_ratio", "value": 0},
        {"kind": "ratio", "measure": "risk_ratio", "value": -1},
        {"kind": "ratio", "measure": "risk_ratio", "value": inf},
        {"kind": "ratio", "measure": "risk_ratio", "value": 2, "lower": 1},
        {"kind": "ratio", "measure": "risk_ratio", "value": 2, "lower": 3, "upper": 4},
        {"kind": "ratio", "measure": "odds_ratio", "value": 2},
        {"kind": "ratio", "measure": "guess", "value": 2},
        {"kind": "difference", "value": 1, "standard_error": 0},
        {"kind": "guess", "value": 1},
        {"value": 1},
        DARFUR | {"degrees_of_freedom": 1},
        DARFUR | {"standard_error": 0},
        DARFUR | {"q": 0},
        DARFUR | {"alpha": 0},
    ],
)
def test_estimates_that_make_no_sense_are_refused(estimate: dict[str, object]) -> None:
    answer = post(APP, SENSITIVITY, {"estimate": estimate})
    assert (answer.status_code, answer.json()["code"]) == (422, "ISL_VALIDATION_ERROR")


@pytest.mark.parametrize(
    "estimate",
    [
        {"kind": "ratio", "measure": "hazard_ratio", "value": 1e6, "outcome": "common"},
        {"kind": "ratio", "measure": "hazard_ratio", "value": 1e-6, "outcome": "common"},
        {"kind": "difference", "value": -100, "standard_error": 100},
        DARFUR | {"value": 1e12, "standard_error": 1e-9, "degrees_of_freedom": 2},
        DARFUR | {"value": 1e-300, "standard_error": 1e12, "degrees_of_freedom": 10**9},
    ],
)
def test_extremes_are_answered(estimate: dict[str, Any]) -> None:
    body = _ask(**estimate)
    if "e_value" in body:
        assert 1 <= body["e_value"]["point"] < inf
    else:
        assert 0 <= body["robustness_value"]["significance"] <= body["robustness_value"]["point"] <= 1


def test_an_estimate_of_nearly_nothing_has_a_value() -> None:
    found = _ask(kind="regression", value=-2.2e-313, standard_error=1e-9, degrees_of_freedom=794)
    assert found["robustness_value"]["point"] == pytest.approx(0)
