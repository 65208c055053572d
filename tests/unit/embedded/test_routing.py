"""Whom an alert notifies of which change: triggers, filters, logic and throttling, as tables."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from embedded.routing import Subject, actions_for, holds, is_throttled, passes, triggers_of
from embedded.store.alerts import CAPTURED, ESCALATED, Flip
from embedded.store.monitors import Workflow
from monitors.filters import Filter, make_filter, read_filter
from tests.unit.embedded.fakes import NOW

NEW, RETURNED, BACK, RESOLVED = (
    "first_seen_event",
    "regression_event",
    "reappeared_event",
    "issue_resolved_trigger",
)
NEW_HIGH, KNOWN_HIGH = "new_high_priority_issue", "existing_high_priority_issue"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Known:
    """Facts that are given."""

    recent: int = 0
    people: int = 0
    is_latest: bool = False

    def events(self, interval: timedelta) -> int:
        return self.recent if interval == HOUR else 0

    def users(self, interval: timedelta) -> int:
        return self.people if interval == HOUR else 0

    def is_latest_release(self) -> bool:
        return self.is_latest


SUBJECT = Subject(
    type="error",
    level="warning",
    priority="medium",
    times_seen=10,
    age=timedelta(minutes=30),
    tags={"code": "ISL_TIMEOUT"},
    attributes={"exception.type": "TimeoutError", "error.handled": "false"},
)
METRIC = replace(SUBJECT, type="metric_issue", level="error", tags={}, attributes={})
FACTS = Known(recent=5, people=2, is_latest=True)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("level", ">= warning", True),
        ("level", ">= error", False),
        ("level", "<= warning", True),
        ("level", "= warning", True),
        ("level", "= error", False),
        ("tag", "code equals ISL_TIMEOUT", True),
        ("tag", "code equals ISL_", False),
        ("tag", "code does_not_equal ISL_TIMEOUT", False),
        ("tag", "code starts_with ISL_", True),
        ("tag", "code ends_with OUT", True),
        ("tag", "code contains TIME", True),
        ("tag", "code does_not_contain TIME", False),
        ("tag", "code is_set", True),
        ("tag", "code is_not_set", False),
        ("tag", "other is_not_set", True),
        ("tag", "other does_not_equal x", True),
        ("attribute", "exception.type starts_with Timeout", True),
        ("attribute", "error.handled equals true", False),
        ("occurrences", ">= 10", True),
        ("occurrences", ">= 11", False),
        ("events", "> 4 in 1h", True),
        ("events", "> 5 in 1h", False),  # more than, not at least
        ("events", "> 0 in 1d", False),
        ("users", "> 1 in 1h", True),
        ("users", "> 2 in 1h", False),
        ("age", "older 29m", True),
        ("age", "older 30m", False),
        ("age", "newer 1h", True),
        ("age", "newer 30m", False),
        ("category", "error", True),
        ("category", "metric", False),
        ("priority", ">= medium", True),
        ("priority", ">= high", False),
        ("latest_release", "true", True),
    ],
)
def test_filter_holds(kind: str, text: str, expected: bool) -> None:
    wanted = read_filter(kind, text)
    assert holds(wanted, SUBJECT, FACTS) is expected
    assert make_filter(wanted.type, wanted.body) == wanted  # as its own body, it is the same filter


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("tag", "other is_not_set", False),  # it has no event that could lack the tag
        ("attribute", "error.handled is_not_set", False),
        ("events", "> 0 in 1h", False),
        ("users", "> 0 in 1h", False),
        ("latest_release", "true", False),
        ("level", ">= error", True),
        ("category", "metric", True),
        ("priority", ">= medium", True),
        ("occurrences", ">= 2", True),
    ],
)
def test_filters_on_events_never_hold_for_a_metric_issue(kind: str, text: str, expected: bool) -> None:
    assert holds(read_filter(kind, text), METRIC, FACTS) is expected


def test_unknown_filter_is_no_silent_pass() -> None:
    with pytest.raises(ValueError, match="filter 'moon_phase' is not known"):
        holds(Filter("moon_phase", 1), SUBJECT, FACTS)


TRUE = {"type": "issue_occurrences", "comparison": {"value": 1}}
FALSE = {"type": "issue_occurrences", "comparison": {"value": 99}}


@pytest.mark.parametrize(
    ("logic", "conditions", "expected"),
    [
        ("all", [], True),
        ("any", [], True),
        ("none", [], True),
        ("all", [TRUE, TRUE], True),
        ("all", [TRUE, FALSE], False),
        ("any", [TRUE, FALSE], True),
        ("any-short", [FALSE, TRUE], True),
        ("any-short", [FALSE, FALSE], False),
        ("none", [FALSE, FALSE], True),
        ("none", [FALSE, TRUE], False),
    ],
)
def test_logic_joins_the_filters_of_a_group(logic: str, conditions: list[Any], expected: bool) -> None:
    assert passes({"logicType": logic, "conditions": conditions}, SUBJECT, FACTS) is expected


@pytest.mark.parametrize(
    ("kind", "priority", "expected"),
    [
        (NEW, "high", {NEW, NEW_HIGH}),
        (NEW, "medium", {NEW}),
        (RETURNED, "high", {RETURNED}),
        (BACK, "high", {BACK, KNOWN_HIGH}),
        (BACK, "medium", {BACK}),
        (ESCALATED, "high", {KNOWN_HIGH}),
        (CAPTURED, "high", set()),
        (RESOLVED, "high", {RESOLVED}),
    ],
)
def test_triggers_of_a_change(kind: str, priority: str, expected: set[str]) -> None:
    assert triggers_of(kind, priority) == expected


def _workflow(*triggers: str, groups: list[Any]) -> Workflow:
    conditions = {"conditions": [{"type": kind} for kind in triggers]}
    return Workflow(1, "w", True, None, {}, conditions, groups, NOW, NOW, None, (7,))  # noqa: FBT003 - a row


def _flip(kind: str) -> Flip:
    return Flip(1, 7, 1, kind, 75, None, None, None, NOW, None)


def test_each_group_of_actions_has_filters_of_its_own() -> None:
    groups = [
        {"logicType": "all", "conditions": [TRUE], "actions": [{"id": "a"}, {"id": "b"}]},
        {"logicType": "all", "conditions": [FALSE], "actions": [{"id": "c"}]},
    ]
    found = actions_for(_workflow(NEW, groups=groups), _flip(NEW), SUBJECT, FACTS)
    assert [each["id"] for each in found] == ["a", "b"]
    assert actions_for(_workflow(RETURNED, groups=groups), _flip(NEW), SUBJECT, FACTS) == []


@pytest.mark.parametrize(
    ("kind", "minutes", "expected"),
    [
        (NEW, None, False),
        (RETURNED, 29, True),
        (RETURNED, 30, False),
        (CAPTURED, 0, True),
        (RESOLVED, 0, False),  # a recovery always passes
    ],
)
def test_throttling(kind: str, minutes: int | None, expected: bool) -> None:
    last = None if minutes is None else NOW - timedelta(minutes=minutes)
    assert is_throttled(kind, NOW, last, timedelta(minutes=30)) is expected
