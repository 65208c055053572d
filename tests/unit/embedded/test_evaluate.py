"""The state machine of a metric monitor: a table of (state, value, elapsed) -> (state, change)."""

from datetime import timedelta

import pytest

from embedded.evaluate import DAMPING, Change, Condition, Level, State, evaluate
from tests.unit.embedded.fakes import NOW

OK, MEDIUM, HIGH = Level.OK, Level.MEDIUM, Level.HIGH
# More than 10 is high, more than 5 medium, at most 3 is over; between 3 and 5 nothing is said.
CONDITIONS = (Condition("gt", 10, HIGH), Condition("gt", 5, MEDIUM), Condition("lte", 3, OK))
NEVER = None
JUST_INSIDE, JUST_PAST = DAMPING - timedelta(milliseconds=1), DAMPING


@pytest.mark.parametrize(
    ("level", "since_fired", "value", "after", "is_change"),
    [
        # E1: no data changes nothing, in any state.
        (OK, NEVER, None, OK, False),
        (MEDIUM, timedelta(0), None, MEDIUM, False),
        (HIGH, DAMPING, None, HIGH, False),
        # E2: strict as written.
        (OK, NEVER, 5, OK, False),
        (OK, NEVER, 5.0001, MEDIUM, True),
        (OK, NEVER, 10, MEDIUM, True),
        (OK, NEVER, 10.0001, HIGH, True),
        (HIGH, timedelta(0), 3.0001, HIGH, False),
        (HIGH, timedelta(0), 3, OK, True),  # one evaluation decides, damping or not
        (OK, NEVER, 0, OK, False),
        (OK, NEVER, -1, OK, False),
        # E3: the highest level that matches wins; up and down.
        (OK, NEVER, 11, HIGH, True),
        (MEDIUM, timedelta(0), 11, HIGH, True),
        (HIGH, timedelta(0), 6, MEDIUM, True),
        (MEDIUM, timedelta(0), 6, MEDIUM, False),
        (HIGH, DAMPING, 11, HIGH, False),
        # E4: between the thresholds it stays.
        (OK, NEVER, 4, OK, False),
        (MEDIUM, DAMPING, 4, MEDIUM, False),
        (HIGH, DAMPING, 4, HIGH, False),
        # E5: damping holds from the last firing, and only in ok.
        (OK, timedelta(0), 6, OK, False),
        (OK, JUST_INSIDE, 11, OK, False),
        (OK, JUST_PAST, 6, MEDIUM, True),
        (OK, JUST_PAST, 11, HIGH, True),
        (MEDIUM, JUST_INSIDE, 11, HIGH, True),  # an escalation is not damped
        (HIGH, JUST_INSIDE, 0, OK, True),  # nor is a recovery
        # Infinite values are values.
        (OK, NEVER, float("inf"), HIGH, True),
    ],
)
def test_evaluate(
    level: Level, since_fired: timedelta | None, value: float | None, after: Level, is_change: bool
) -> None:
    before = State(level, NOW - since_fired if since_fired is not None else None)
    state, change = evaluate(CONDITIONS, value, before, NOW)
    assert state.level == after
    assert change == (Change(level, after) if is_change else None)
    fires = level == OK and after != OK
    assert state.fired_at == (NOW if fires else before.fired_at)


@pytest.mark.parametrize(
    ("kind", "below", "at", "above"),
    [("gt", OK, OK, HIGH), ("gte", OK, HIGH, HIGH), ("lt", HIGH, OK, OK), ("lte", HIGH, HIGH, OK)],
)
def test_every_comparison_is_as_strict_as_its_name(kind: str, below: Level, at: Level, above: Level) -> None:
    conditions = (Condition(kind, 5, HIGH),)
    levels = [evaluate(conditions, value, State(OK, None), NOW)[0].level for value in (4, 5, 6)]
    assert levels == [below, at, above]


def test_alert_condition_wins_over_a_resolve_condition_that_overlaps() -> None:
    conditions = (Condition("lte", 8, OK), Condition("gt", 5, HIGH))
    assert evaluate(conditions, 7, State(OK, None), NOW)[0].level == HIGH
    assert evaluate(conditions, 7, State(HIGH, NOW), NOW) == (State(HIGH, NOW), None)


def test_damping_is_an_argument() -> None:
    """The engine shrinks it by its speed."""
    before = State(OK, NOW - timedelta(seconds=10))
    assert evaluate(CONDITIONS, 11, before, NOW, timedelta(seconds=10))[0] == State(HIGH, NOW)
    assert evaluate(CONDITIONS, 11, before, NOW, timedelta(seconds=11)) == (before, None)
