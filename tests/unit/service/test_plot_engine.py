"""The stand-in of PLoT: its numbers against closed forms and against draws."""

import math

import numpy as np
import pytest

from service.plot_engine.scoring import Normal, compare, score_choice


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Normal(120, 15), Normal(138, 25)),
        (Normal(0, 1), Normal(0, 1)),
        (Normal(-5, 2), Normal(40, 1)),
        (Normal(10, 1e-6), Normal(10, 5)),
        (Normal(1e6, 30), Normal(1e6 + 10, 30)),
    ],
)
def test_two_options_have_a_closed_form(first: Normal, second: Normal) -> None:
    """Source of E[max]: Clark 1961, "The greatest of a finite set of random variables", Operations Research 9(2)."""
    spread = math.hypot(first.std, second.std)
    z = (first.mean - second.mean) / spread
    density = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    best = first.mean * _normal_cdf(z) + second.mean * _normal_cdf(-z) + spread * density
    found = score_choice([first, second], 0)
    assert found.win_probability == pytest.approx(_normal_cdf(z), abs=0.002)
    assert found.expected_regret == pytest.approx(best - first.mean, abs=0.005 * spread)


def test_many_options_agree_with_draws() -> None:
    options = [Normal(10, 3), Normal(12, 1), Normal(9, 6), Normal(12, 0.5)]
    rng = np.random.default_rng(7)
    draws = np.stack([rng.normal(each.mean, each.std, 400_000) for each in options])
    for index, option in enumerate(options):
        found = score_choice(options, index)
        assert found.win_probability == pytest.approx((draws.argmax(axis=0) == index).mean(), abs=0.004)
        assert found.expected_regret == pytest.approx(draws.max(axis=0).mean() - option.mean, abs=0.02)
    assert sum(score_choice(options, each).win_probability for each in range(4)) == pytest.approx(1, abs=0.002)


def test_sure_choice_has_nothing_to_regret() -> None:
    found = score_choice([Normal(0, 1), Normal(1000, 1)], 1)
    assert (found.win_probability, found.expected_regret) == pytest.approx((1, 0), abs=1e-6)


def test_crps_is_the_integral_that_defines_it() -> None:
    """Source: Gneiting, Raftery 2007, equation 20: the integral of (F(y) - 1{y >= x})^2."""
    forecast, actual = Normal(2.0, 3.0), 4.5
    grid = np.linspace(-40, 45, 85_001)
    distances = (np.array([_normal_cdf((y - 2.0) / 3.0) for y in grid]) - (grid >= actual)) ** 2
    assert compare([forecast], [actual]).crps == pytest.approx(np.trapezoid(distances, grid), abs=1e-3)


def test_good_forecasts_cover_and_are_unbiased() -> None:
    rng = np.random.default_rng(7)
    actual = rng.normal(5.0, 2.0, 4000)
    found = compare([Normal(5.0, 2.0)] * 4000, actual.tolist())
    assert found.coverage_90 == pytest.approx(0.9, abs=0.02)
    assert found.bias == pytest.approx(0.0, abs=0.05)
    assert found.crps == pytest.approx(2.0 / math.sqrt(math.pi), abs=0.05)  # std / sqrt(pi) for a true forecast


def test_low_forecasts_show_as_bias() -> None:
    found = compare([Normal(0.0, 1.0)] * 2, [3.0, 3.0])
    assert (found.bias, found.coverage_90) == (3.0, 0.0)
