"""How sure a counted share is."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

Z95: Final = 1.959964  # standard deviations that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Share:
    """`kept` of `of`: the share, and the Wilson interval in which the true one lies 95 times in 100."""

    kept: float
    of: float  # above 0
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.kept / self.of


def share(kept: float, of: float, z: float = Z95) -> Share | None:
    """Return a share with its Wilson interval, None of nothing; `kept` beyond `of` counts as all of it.

    centre = (p + z^2 / 2n) / (1 + z^2 / n), half width = z / (1 + z^2 / n) sqrt(p (1 - p) / n + z^2 / 4n^2).
    Source: Wilson 1927, JASA 22, 209-212; Brown, Cai and DasGupta 2001, Statistical Science 16, section 3.1.1.
    """
    if of <= 0:
        return None
    p = min(1.0, kept / of)
    scale = 1 + z * z / of
    centre = (p + z * z / (2 * of)) / scale
    half = z / scale * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    # At the ends the interval closes exactly, which binary fractions miss by a hair.
    low = 0.0 if p == 0 else max(0.0, centre - half)
    return Share(min(kept, of), of, low, 1.0 if p == 1 else min(1.0, centre + half))
