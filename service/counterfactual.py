"""Monte Carlo under an intervention: a model, what is set to which value, and an outcome in; its distribution out.

Source: Pearl 2009, "Causality", definition 7.1.3 (a submodel replaces the equations of what is set) and section 7.1.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import numpy as np

from service.errors import Details, ErrorCode, IslError
from service.expressions import Column, evaluate
from service.graph import Checkpoint, no_checkpoint
from service.model import StructuralModel, require_variables

SAMPLES_MINIMUM: Final = 100  # below, a 95 % interval rests on two draws per tail
SAMPLES_LIMIT: Final = 10_000  # 50 variables of 10,000 draws are 4 MB and some milliseconds
SAMPLES_DEFAULT: Final = 1000
SEED_BITS: Final = 32  # survives every JSON reader
VALUE_LIMIT: Final = 1e100  # of any computed value: its square, summed over all draws, is still a float
QUANTILES: Final = (0.025, 0.1, 0.5, 0.9, 0.975)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The distribution of the outcome under the intervention, in the outcome's own unit."""

    point_estimate: float  # median
    mean: float
    standard_error: float  # of the mean
    lower: float  # 2.5 % quantile
    upper: float  # 97.5 % quantile
    p10: float
    p90: float
    samples: int


def simulate(
    model: StructuralModel,
    intervention: Mapping[str, float],
    outcome: str,
    samples: int,
    seed: int,
    checkpoint: Checkpoint = no_checkpoint,
) -> Prediction:
    """Describe the distribution of the outcome with the intervened variables held at their values.

    Raises IslError: ISL_INVALID_INTERVENTION, and what `draw` raises.
    """
    if not intervention:
        raise IslError(ErrorCode.ISL_INVALID_INTERVENTION, "The intervention sets no variable")
    return summarise(draw(model, intervention, outcome, samples, seed, checkpoint))


def draw(
    model: StructuralModel,
    intervention: Mapping[str, float],
    outcome: str,
    samples: int,
    seed: int,
    checkpoint: Checkpoint = no_checkpoint,
) -> Column:
    """Draw the outcome `samples` times, float64 (samples,); an empty intervention leaves the model as it is.

    1. check the question  2. find what the outcome depends on  3. compute it in order

    Raises IslError: ISL_MISSING_VARIABLE, ISL_INVALID_EQUATION (a value is not finite).
    """
    require_variables(model.variables, frozenset(intervention) | {outcome})
    needed = _find_needed(model, intervention, outcome)
    values: dict[str, Column] = {}
    for name in needed:
        checkpoint()
        values[name] = _compute(model, name, values, intervention, samples, seed)
    return np.broadcast_to(values[outcome], (samples,))


def seed_from(request: Mapping[str, Any]) -> int:
    """Derive the seed from the request's canonical JSON, so that the same question gets the same answer."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return int.from_bytes(hashlib.sha256(canonical.encode()).digest()[: SEED_BITS // 8], "big")


def _find_needed(model: StructuralModel, intervention: Mapping[str, float], outcome: str) -> list[str]:
    """Return the outcome and its causes in the submodel, causes first. What is set has no causes."""
    needed, pending = set(), [outcome]
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            equation = None if name in intervention else model.equations.get(name)
            pending += equation.names if equation else ()
    sources = {*model.equations, *model.distributions, *intervention}
    require_variables(frozenset(sources), frozenset(needed))
    return [name for name in model.order if name in needed]


def _compute(
    model: StructuralModel,
    name: str,
    values: Mapping[str, Column],
    intervention: Mapping[str, float],
    samples: int,
    seed: int,
) -> Column:
    if name in intervention:
        return np.asarray(float(intervention[name]))
    if name in model.distributions:
        # A stream per name: a variable's noise stays the same whatever else the model holds, so that two
        # interventions are compared on the same draws.
        return model.distributions[name].draw(np.random.default_rng([seed, crc32(name.encode())]), samples)
    column = evaluate(model.equations[name], values)
    if not (np.abs(column) <= VALUE_LIMIT).all():  # worded so that nan fails, too
        problem = f"{name}: overflow, division by 0, or log or root of a negative number, for some draws"
        message = f"The equation of {name} has no value, or one beyond {VALUE_LIMIT:g}, for some draws"
        details = Details(reason="not_finite", validation_failures=(problem,))
        raise IslError(ErrorCode.ISL_INVALID_EQUATION, message, details)
    return column


def summarise(draws: Column) -> Prediction:
    """Describe a column of draws, float64 (n,) with n of 2 or more."""
    lower, p10, median, p90, upper = (float(each) for each in np.quantile(draws, QUANTILES))
    return Prediction(
        point_estimate=median,
        mean=float(draws.mean()),
        standard_error=float(draws.std(ddof=1) / np.sqrt(draws.size)),
        lower=lower,
        upper=upper,
        p10=p10,
        p90=p90,
        samples=int(draws.size),
    )
