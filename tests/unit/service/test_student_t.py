"""Student's t against SciPy, against closed forms, and against itself."""

from math import pi, sqrt, tan

import pytest
from scipy.special import stdtr, stdtrit

from service.student_t import critical_t, upper_tail

DEGREES = (1, 2, 3, 5, 10, 30, 199, 201, 783, 9_999, 10_000, 100_000, 10**9, 10**12)
LEVELS = (0.9, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-4, 1e-6, 1e-9, 1e-12)


@pytest.mark.parametrize("degrees", DEGREES)
def test_critical_values_are_scipy_s(degrees: int) -> None:
    for alpha in LEVELS:
        assert critical_t(degrees, alpha) == pytest.approx(-float(stdtrit(degrees, alpha / 2)), rel=1e-11), alpha


@pytest.mark.parametrize("degrees", [1, 2, 7, 30, 783, 9_999])
def test_tails_are_scipy_s(degrees: int) -> None:
    """On both sides of where the continued fraction turns over."""
    for t in (0.0, 0.01, 0.5, 1.0, 1.7, 1.8, 3.0, 10.0, 1000.0):
        assert upper_tail(t, degrees) == pytest.approx(float(stdtr(degrees, -t)), rel=1e-11), t


@pytest.mark.parametrize("alpha", LEVELS)
def test_closed_forms(alpha: float) -> None:
    """With one degree of freedom it is Cauchy's distribution; with two the quantile is a root."""
    assert critical_t(1, alpha) == pytest.approx(1 / tan(pi * alpha / 2), rel=1e-11)
    assert critical_t(2, alpha) == pytest.approx((1 - alpha) * sqrt(2 / (alpha * (2 - alpha))), rel=1e-11)


def test_half_of_it_is_beyond_nothing() -> None:
    assert critical_t(7, 1.0) == pytest.approx(0, abs=1e-12)


def test_where_the_expansion_takes_over_nothing_jumps() -> None:
    below, above = critical_t(9_999.999, 0.0001), critical_t(10_000, 0.0001)
    assert below == pytest.approx(above, rel=1e-9)
