"""Monte Carlo: exact where nothing is random, near the analytic answer where something is, refused where undefined."""

import math
from typing import Any

import numpy as np
import pytest

from service.counterfactual import Prediction, seed_from, simulate
from service.errors import IslError
from service.expressions import Column
from service.model import Distribution, build_model, parse_distribution

EQUATIONS = {"visits": "base_visits + 40*discount", "orders": "0.03*visits - 2*discount"}
VARIABLES = ["discount", "visits", "orders"]


def _normal(mean: float, std: float) -> Distribution:
    return parse_distribution("d", "normal", {"mean": mean, "std": std})


def _orders(std: float, discount: float = 10.0, samples: int = 10_000, seed: int = 7) -> Prediction:
    model = build_model(VARIABLES, EQUATIONS, {"base_visits": _normal(5000, std)})
    return simulate(model, {"discount": discount}, "orders", samples, seed)


def test_without_noise_the_answer_is_arithmetic() -> None:
    # visits are 5000 + 400, of which 3 % order: 162, less 20 for the discount
    found = _orders(std=0.0)
    assert (found.point_estimate, found.mean, found.lower, found.upper) == pytest.approx((142.0,) * 4)
    assert found.standard_error == pytest.approx(0.0, abs=1e-9)


def test_with_noise_the_answer_is_the_analytic_normal() -> None:
    found = _orders(std=400.0)  # sd of orders: 0.03 * 400 = 12
    assert found.standard_error == pytest.approx(12 / math.sqrt(10_000), rel=0.05)
    assert found.mean == pytest.approx(142.0, abs=4 * found.standard_error)
    assert (found.lower, found.upper) == pytest.approx((142 - 1.96 * 12, 142 + 1.96 * 12), abs=1.5)
    assert (found.p10, found.p90) == pytest.approx((142 - 1.2816 * 12, 142 + 1.2816 * 12), abs=1.0)


def test_same_seed_same_answer_and_interventions_share_their_noise() -> None:
    assert _orders(400.0) == _orders(400.0)
    assert _orders(400.0) != _orders(400.0, seed=8)
    # each unit of discount adds 0.03*40 - 2 = -0.8, exactly, since both runs use the same draws
    assert _orders(400.0, discount=11.0).mean - _orders(400.0, discount=10.0).mean == pytest.approx(-0.8)


@pytest.mark.parametrize(
    ("family", "parameters", "mean", "low", "high"),
    [
        ("normal", {"mean": 3, "std": 2}, 3.0, -math.inf, math.inf),
        ("uniform", {"min": 2, "max": 4}, 3.0, 2.0, 4.0),
        ("beta", {"alpha": 2, "beta": 6}, 0.25, 0.0, 1.0),
        ("exponential", {"scale": 5}, 5.0, 0.0, math.inf),
    ],
)
def test_draws_have_the_family_s_mean_and_range(
    family: str, parameters: dict[str, float], mean: float, low: float, high: float
) -> None:
    draws: Column = parse_distribution("d", family, parameters).draw(np.random.default_rng(1), 10_000)
    assert draws.mean() == pytest.approx(mean, abs=5 * draws.std() / 100)
    assert draws.min() >= low
    assert draws.max() <= high


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("cauchy", {"scale": 1}),
        ("normal", {"mean": 1}),
        ("normal", {}),
        ("normal", {"mean": 1, "std": 1, "skew": 0}),
        ("normal", {"mean": 1, "std": -1}),
        ("normal", {"mean": 1e300, "std": 1}),
        ("uniform", {"min": 2, "max": 1}),
        ("uniform", {"min": -1e308, "max": 1e308}),
        ("beta", {"alpha": 0, "beta": 1}),
        ("beta", {"alpha": 1, "beta": -1}),
        ("exponential", {"scale": 0}),
    ],
)
def test_bad_distribution_is_refused(family: str, parameters: dict[str, float]) -> None:
    with pytest.raises(IslError) as caught:
        parse_distribution("d", family, parameters)
    assert caught.value.code.name == "ISL_INVALID_DISTRIBUTION"


def _ask(
    equations: dict[str, str] | None = None, intervention: dict[str, float] | None = None, outcome: str = "orders"
) -> Prediction:
    model = build_model(VARIABLES, EQUATIONS | (equations or {}), {"base_visits": _normal(5000, 400)})
    return simulate(model, {"discount": 10.0} if intervention is None else intervention, outcome, 100, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"equations": {"visits": "orders", "orders": "visits"}}, "ISL_INVALID_MODEL"),
        ({"equations": {"visits": "visits + 1"}}, "ISL_INVALID_MODEL"),
        ({"equations": {"base_visits": "1"}}, "ISL_INVALID_MODEL"),
        ({"equations": {"orders": "clicks"}}, "ISL_MISSING_VARIABLE"),
        ({"equations": {"clicks": "1"}}, "ISL_MISSING_VARIABLE"),
        ({"equations": {"orders": "import os"}}, "ISL_INVALID_EQUATION"),
        ({"equations": {"orders": "log(0 - visits)"}}, "ISL_INVALID_EQUATION"),
        ({"equations": {"orders": "1 / (visits - visits)"}}, "ISL_INVALID_EQUATION"),
        ({"equations": {"visits": "1/0", "orders": "1/visits"}}, "ISL_INVALID_EQUATION"),
        # each draw is a float, but their sum would not be
        ({"equations": {"orders": "visits * 1e303"}}, "ISL_INVALID_EQUATION"),
        ({"equations": {"orders": "0 - visits * 1e98"}}, "ISL_INVALID_EQUATION"),
        ({"outcome": "clicks"}, "ISL_MISSING_VARIABLE"),
        ({"outcome": "discount", "intervention": {"visits": 1.0}}, "ISL_MISSING_VARIABLE"),
        ({"intervention": {"clicks": 1.0}}, "ISL_MISSING_VARIABLE"),
        # visits now needs a discount, which nothing sets
        ({"intervention": {"orders": 1.0}, "outcome": "visits"}, "ISL_MISSING_VARIABLE"),
        ({"intervention": {}}, "ISL_INVALID_INTERVENTION"),
    ],
)
def test_bad_question_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(IslError) as caught:
        _ask(**change)
    assert caught.value.code.name == code
    assert caught.value.status_code == 400


def test_what_the_outcome_does_not_need_may_stay_undefined() -> None:
    model = build_model(["a", "b", "c"], {"b": "2*a", "c": "b + 1"}, {})
    assert simulate(model, {"b": 3.0}, "c", 100, 1).mean == 4.0


def test_intervention_replaces_equations_and_distributions() -> None:
    model = build_model(["a", "b"], {"b": "2*a"}, {"a": _normal(0, 1)})
    assert simulate(model, {"a": 3.0}, "b", 100, 1).upper == 6.0
    assert simulate(model, {"b": 5.0}, "b", 100, 1).mean == 5.0


def test_seed_is_the_same_for_the_same_question_in_any_order() -> None:
    assert seed_from({"a": 1, "b": {"c": 2.0, "d": 3}}) == seed_from({"b": {"d": 3, "c": 2.0}, "a": 1})
    assert seed_from({"a": 1}) != seed_from({"a": 2})
    assert 0 <= seed_from({}) < 2**32
