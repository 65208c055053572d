"""How sure a number is that stands on samples; pure."""

import math
from typing import Final

Z_95: Final = 1.959964  # of the normal distribution, for a two-sided 95 %


def wilson(hits: float, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of a share, as fractions; (0, 1) without trials.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference, JASA 22.
    """
    if trials <= 0:
        return 0.0, 1.0
    share, z2 = hits / trials, Z_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    # At the ends the interval closes exactly, which binary fractions miss by a hair.
    return 0.0 if share <= 0 else max(0.0, middle - half), 1.0 if share >= 1 else min(1.0, middle + half)


def percentile_shares(share: float, number: float) -> tuple[float | None, float | None]:
    """Return the shares of so many samples between whose percentiles the true one of `share` lies 95 times in 100.

    None is an end that no sample is far enough out for: it takes about 90 to bound a p95 from above.

    Source: Woodruff 1952, Confidence intervals for medians and other position measures, JASA 47; the half of a sample
    is the correction for continuity, with which the exact binomial coverage is 95 % or more.
    """
    half = Z_95 * math.sqrt(share * (1 - share) / number) + 0.5 / number
    return share - half if share > half else None, share + half if share + half <= 1 else None


def total_half_width(weights: float, squares: float) -> float:
    """Return half the 95 % interval of the number that samples stand for, each kept with chance 1 / weight.

    Given are the sums of the weights and of their squares.

    Source: Horvitz and Thompson 1952, JASA 47: the variance of a total under independent sampling, sum of w (w - 1).
    """
    return Z_95 * math.sqrt(max(squares - weights, 0.0))
