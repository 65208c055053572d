"""Student's t distribution: its upper tail and the critical value of a level, in plain floats.

All that the service needs of it is one quantile, which is no reason for a library of a hundred megabytes. The tests
hold it against SciPy.
"""

from itertools import count
from math import exp, isclose, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist
from typing import Final

TINY: Final = 1e-300  # in place of a zero that is about to divide
PRECISION: Final = 1e-15  # relative; a double has 2.2e-16
MANY: Final = 100.0  # from here on the series of `_log_ratio` is exact to a double
NEARLY_NORMAL: Final = 10_000.0  # degrees of freedom: from here on so is the expansion around the normal quantile


def critical_t(degrees_of_freedom: float, alpha: float) -> float:
    """Find the t that |T| exceeds with probability `alpha`, 1e-12 to 1; `degrees_of_freedom` from 1 on."""
    z = -NormalDist().inv_cdf(alpha / 2)
    if degrees_of_freedom >= NEARLY_NORMAL:
        return _expand(z, degrees_of_freedom)
    return _solve(z, degrees_of_freedom, log(alpha / 2))


def _expand(z: float, degrees_of_freedom: float) -> float:
    """The quantile around the normal one. Source: Abramowitz & Stegun 1964, 26.7.5."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees_of_freedom**power for power, term in enumerate(terms, start=1))


def _solve(start: float, degrees_of_freedom: float, wanted: float) -> float:
    """Newton's method on the logarithm of the tail, kept within a bracket."""
    low, high = 0.0, _beyond(degrees_of_freedom, wanted)
    t = min(start, high)
    while True:
        tail = upper_tail(t, degrees_of_freedom)
        low, high = (t, high) if log(tail) > wanted else (low, t)
        step = (log(tail) - wanted) * tail / _density(t, degrees_of_freedom)
        following = t + step if low < t + step < high else (low + high) / 2
        if isclose(following, t, rel_tol=PRECISION) or following in (low, high):
            return following
        t = following


def upper_tail(t: float, degrees_of_freedom: float) -> float:
    """P(T > t), for t >= 0.

    Half the regularised incomplete beta function I_x(df/2, 1/2) at x = df / (df + t^2).
    Source: Abramowitz & Stegun 1964, 26.7.1 with 26.5.27; their 26.5.8 is the continued fraction.
    """
    a, b = degrees_of_freedom / 2, 0.5
    square = t * t
    x, y = degrees_of_freedom / (degrees_of_freedom + square), square / (degrees_of_freedom + square)
    if x < (a + 1) / (a + b + 2):
        return _density(t, degrees_of_freedom) * t * _fraction(a, b, x) / degrees_of_freedom
    return 0.5 - _density(t, degrees_of_freedom) * t * _fraction(b, a, y)


def _density(t: float, degrees_of_freedom: float) -> float:
    """Of T at t. Source: Abramowitz & Stegun 1964, 26.7.2."""
    body = log1p(t * t / degrees_of_freedom) * (degrees_of_freedom + 1) / 2
    return exp(_log_ratio(degrees_of_freedom / 2) - body) / sqrt(pi * degrees_of_freedom)


def _log_ratio(a: float) -> float:
    """log(gamma(a + 1/2) / gamma(a)); for large a by its series, since two huge logarithms would cancel.

    Source: Tricomi & Erdelyi 1951, "The asymptotic expansion of a ratio of gamma functions", Pacific J. Math. 1(1).
    """
    if a < MANY:
        return lgamma(a + 0.5) - lgamma(a)
    return log(a) / 2 + log1p(-1 / (8 * a) + 1 / (128 * a**2) + 5 / (1024 * a**3) - 21 / (32768 * a**4))


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b) a B(a, b) / (x^a (1 - x)^b), by Lentz's method."""
    c, d = 1.0, _apart(1 - (a + b) * x / (a + 1))
    value = d = 1 / d
    for m in count(1):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _apart(1 + term * d)
            c = _apart(1 + term / c)
            value *= c * d
        if isclose(c * d, 1, rel_tol=PRECISION):
            return value
    raise AssertionError("it converges")


def _beyond(degrees_of_freedom: float, log_tail: float) -> float:
    """Some t whose tail is smaller."""
    t = 2.0
    while log(upper_tail(t, degrees_of_freedom) or TINY) > log_tail:
        t *= 2
    return t


def _apart(value: float) -> float:
    """Keep a denominator away from zero."""
    return value if abs(value) > TINY else TINY
