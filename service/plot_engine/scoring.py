"""Normal forecasts in; how good a choice between them is, and how they fared against what happened, out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REACH: Final = 8.0  # standard deviations to each side; what lies beyond is under 1e-14
STEPS: Final = 2001  # a step of 0.008: an option without spread beside a wide one is off by at most 0.002
Z_90: Final = 1.6448536269514722  # the central 90 % of a normal distribution lies within so many deviations

_GRID: Final[Floats] = np.linspace(-REACH, REACH, STEPS)
_DENSITY: Final[Floats] = np.exp(-(_GRID**2) / 2) / math.sqrt(2 * math.pi)
_WEIGHTS: Final[Floats] = _DENSITY / _DENSITY.sum()
_CUMULATIVE: Final[Floats] = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in _GRID])


@dataclass(frozen=True, slots=True)
class Normal:
    """A forecast."""

    mean: float
    std: float  # over 0


@dataclass(frozen=True, slots=True)
class Choice:
    """How good a choice was by the forecasts it rested on."""

    win_probability: float  # 0 to 1, that the chosen one turns out best
    expected_regret: float  # E[best result] - E[chosen result]; at least 0


@dataclass(frozen=True, slots=True)
class Fit:
    """How forecasts fared."""

    crps: float  # mean, in the unit of the forecasts; 0 is best
    bias: float  # mean of z; over 0: forecasts were too low
    coverage_90: float  # share of results within the central 90 % interval


def score_choice(options: Sequence[Normal], chosen: int) -> Choice:
    """Score the choice of `options[chosen]`, taking the results of different options as independent.

    P(i is best) is the mean of prod_j F_j over X_i, and E[best] the sum over i of the mean of X_i prod_j F_j, j != i.
    """
    shares = [_best_given(options, index) for index in range(len(options))]
    best = sum(float(_WEIGHTS @ (_values(option) * share)) for option, share in zip(options, shares, strict=True))
    regret = best - options[chosen].mean
    return Choice(float(_WEIGHTS @ shares[chosen]), max(0.0, regret))  # the grid's error may be below zero


def compare(forecasts: Sequence[Normal], actual: Sequence[float]) -> Fit:
    """Compare forecasts with what happened.

    Source: Gneiting, Raftery 2007, "Strictly proper scoring rules", JASA 102(477), section 4.2: the CRPS of a normal
    forecast is std (z (2 F(z) - 1) + 2 f(z) - 1/sqrt(pi)).
    """
    std = np.array([each.std for each in forecasts])
    z = (np.array(actual) - np.array([each.mean for each in forecasts])) / std
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    crps = std * (z * (2 * _cumulate(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
    return Fit(float(crps.mean()), float(z.mean()), float((np.abs(z) <= Z_90).mean()))


def _values(option: Normal) -> Floats:
    return option.mean + option.std * _GRID


def _best_given(options: Sequence[Normal], index: int) -> Floats:
    """For each grid value of one option: the probability that all others are below it."""
    values = _values(options[index])
    below: Any = np.ones(STEPS)
    for other, option in enumerate(options):
        if other != index:
            below = below * _cumulate((values - option.mean) / option.std)
    return np.asarray(below, dtype=np.float64)


def _cumulate(z: Floats) -> Floats:
    """The normal distribution function, by interpolation: off by at most 2e-6."""
    return np.interp(z, _GRID, _CUMULATIVE)
