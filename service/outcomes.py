"""Decisions with the forecasts they rested on, and what came of them: plain records."""

import secrets
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that could have been done, with the normal forecast of its result."""

    id: str
    mean: float
    std: float  # over 0


@dataclass(frozen=True, slots=True)
class Score:
    """How good the choice was by its own forecasts, before anybody knows what came of it."""

    win_probability: float  # that the chosen option turns out best
    expected_regret: float  # expected best result less that of the chosen option, in the forecast's unit


@dataclass(frozen=True, slots=True)
class Outcome:
    """One decision."""

    id: str
    logged_at: datetime
    decision: str  # which kind of decision; summaries are by it
    options: tuple[Option, ...]
    chosen: Option
    score: Score | None  # None: PLoT did not answer
    actual: float | None = None  # None: nobody knows yet
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was expected of the chosen option, and what came of it."""

    mean: float
    std: float
    actual: float


@dataclass(frozen=True, slots=True)
class Counts:
    """The latest decisions of one kind."""

    logged: int
    scored: int
    observed: int
    mean_win_probability: float | None  # of those scored
    mean_expected_regret: float | None


def new_outcome_id() -> str:
    """Make `out_` + 16 hex digits."""
    return f"out_{secrets.token_hex(8)}"
