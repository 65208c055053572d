"""The decision page's address -> what is asked; the same in percent as `rehearse whatif` takes as fractions."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Final, Literal

from rehearsal.cost.watched import TIMES
from rehearsal.cost.workload import Rates
from rehearsal.errors import UsageError

Basis = Literal["declared", "measured"]
BASES: Final[dict[str, Basis]] = {"declared": "declared", "measured": "measured"}
TRAFFIC: Final = "1M/month"  # the guide's, where nothing is measured
HEALTHY: Final = 1.0  # percent of bad requests, like the next
DEGRADED: Final = 10.0
FULL: Final = 100.0  # percent
ROUTE: Final = "rate:"  # begins the name of an endpoint's field
MAX_CHARS: Final = 40  # of a field
MAX_BUDGET: Final = 1e9
MAX_TIMES: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to know."""

    basis: Basis
    traffic: str  # as `--traffic` takes it; empty: that of the basis
    healthy: float | None  # share of bad requests, like the next; None: that of the basis
    degraded: float
    times: float  # durations and traffic change by this factor
    cap: Decimal | None
    rates: Rates


def read_wish(fields: Mapping[str, str]) -> Wish:
    """Return what the fields ask for. Raises UsageError that names the field."""
    basis = BASES.get(fields.get("basis", "declared"))
    if basis is None:
        raise UsageError(f"basis {fields['basis'][:MAX_CHARS]!r}, allowed are {', '.join(BASES)}")
    healthy = _number(fields, "healthy", None, FULL)
    budget = _number(fields, "budget", None, MAX_BUDGET)
    return Wish(
        basis=basis,
        traffic=fields.get("traffic", "")[:MAX_CHARS].strip(),
        healthy=None if healthy is None else healthy / FULL,
        degraded=_percent(fields, "degraded", DEGRADED),
        times=_number(fields, "times", None, MAX_TIMES) or TIMES,
        cap=None if budget is None else Decimal(str(budget)),
        rates=_rates(fields),
    )


def _rates(fields: Mapping[str, str]) -> Rates:
    everywhere = _percent(fields, "traces", FULL)
    routes = {
        name.removeprefix(ROUTE): rate
        for name in fields
        if name.startswith(ROUTE) and (rate := _percent(fields, name, everywhere * FULL)) != everywhere
    }
    return Rates(everywhere, routes)


def _percent(fields: Mapping[str, str], name: str, default: float) -> float:
    found = _number(fields, name, default, FULL)
    return (default if found is None else found) / FULL


def _number(fields: Mapping[str, str], name: str, default: float | None, most: float) -> float | None:
    text = fields.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (isfinite(value) and 0 <= value <= most):
        raise UsageError(f"{name}: {text[:MAX_CHARS]!r}, allowed is a number from 0 to {most:g}")
    return value
