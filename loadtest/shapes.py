"""How the rate changes over a test: each shape gives the share of the full rate at a share of the time. Pure."""

from collections.abc import Callable
from math import cos, pi
from typing import Final

Shape = Callable[[float], float]
LEAST: Final = 0.1  # share of the full rate at which a ramp begins and a night passes
USUAL: Final = 0.25  # of the full rate, around a spike
SPIKE: Final = (0.4, 0.6)  # when it is there


def steady(_: float) -> float:
    """The full rate from the first to the last second."""
    return 1.0


def ramp(at: float) -> float:
    """Even growth, to find out where it breaks."""
    return LEAST + (1 - LEAST) * at


def spike(at: float) -> float:
    """A quarter, and the full rate all at once for a fifth of the time."""
    return 1.0 if SPIKE[0] <= at < SPIKE[1] else USUAL


def day(at: float) -> float:
    """One day, from midnight to midnight, with its peak at noon."""
    return LEAST + (1 - LEAST) * (1 - cos(2 * pi * at)) / 2


SHAPES: Final[dict[str, Shape]] = {"steady": steady, "ramp": ramp, "spike": spike, "day": day}
