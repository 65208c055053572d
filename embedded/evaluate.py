"""(monitor, value, state, now) -> (state, flip): the state machine of a metric monitor; pure, time is an argument.

  E1  no data skips the evaluation: silence neither fires nor resolves
  E2  comparisons are strict as written (gt is >), and there is no dwell time: one evaluation decides
  E3  the highest matching level wins; the resolve condition counts only when no level matches
  E4  between the thresholds the state stays as it is
  E5  within DAMPING of the last firing the monitor does not leave ok again
Source: reference of Sentry's subscription processor and detectors, read 2026-11.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

DAMPING: Final = timedelta(minutes=10)  # production time
COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


class Level(IntEnum):
    """Sentry's priority levels, as `conditionResult` carries them."""

    OK = 0
    MEDIUM = 50
    HIGH = 75


@dataclass(frozen=True, slots=True)
class Condition:
    """`value type comparison -> result`, for example gt 0.05 -> HIGH."""

    type: str
    comparison: float
    result: Level


@dataclass(frozen=True, slots=True)
class State:
    """What a monitor remembers between evaluations."""

    level: Level
    fired_at: datetime | None  # when it last left ok


@dataclass(frozen=True, slots=True)
class Change:
    """The monitor went from one level to another."""

    before: Level
    after: Level


def evaluate(
    conditions: tuple[Condition, ...], value: float | None, state: State, now: datetime, damping: timedelta = DAMPING
) -> tuple[State, Change | None]:
    """Return the next state, and the change if there is one."""
    if value is None:  # E1
        return state, None
    after = _level(conditions, value, state.level)
    if after == state.level:
        return state, None
    if state.level == Level.OK:
        if state.fired_at is not None and now - state.fired_at < damping:  # E5
            return state, None
        return State(after, now), Change(Level.OK, after)
    return replace(state, level=after), Change(state.level, after)


def flip_kind(before: int, after: int, *, is_known: bool, is_archived: bool) -> str | None:
    """Return what a change does to the monitor's issue, by its trigger's name; None if nobody is to be told.

    The first breach opens the issue, a later one reopens the same; only an escalation to high is told of the changes
    between levels.
    """
    if after == Level.OK:
        return "issue_resolved_trigger"
    if before != Level.OK:
        return "escalated" if after == Level.HIGH else None
    if not is_known:
        return "first_seen_event"
    return "reappeared_event" if is_archived else "regression_event"


def _level(conditions: tuple[Condition, ...], value: float, current: Level) -> Level:
    matching = [each.result for each in conditions if COMPARISONS[each.type](value, each.comparison)]  # E2
    return max(matching) if matching else current  # E3, E4
