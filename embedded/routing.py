"""A change of an issue -> the actions that an alert takes on it; pure, what it has to look up is asked of `Facts`.

  R1  the alert is on, connected to the monitor or to the issue stream, and in the environment
  R2  any trigger matches; none at all means every change, and every event
  R3  each group of actions is behind filters of its own: all, any or none of them must hold; no filters let all pass
  R4  an action is taken once per frequency, alert, action and issue; a recovery always passes
  R5  a filter that asks about events never holds for the issue of a metric monitor, which has none
Source: Sentry's workflow engine and public API schema v0.272.0, read 2026-11.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from embedded.store.alerts import CAPTURED, ESCALATED, HIGH, REAPPEARED, RESOLVED, Flip
from embedded.store.monitors import Workflow
from monitors.filters import CATEGORIES, INTERVALS, LEVELS, OF_EVENTS, Filter, make_filter

FIRST_SEEN: Final = "first_seen_event"
NEW_HIGH: Final = "new_high_priority_issue"
NUMBERS: Final = {"high": HIGH, "medium": 50, "low": 25}
KINDS: Final = {"error": CATEGORIES["error"], "metric_issue": CATEGORIES["metric"]}
AGES: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
MATCHES: Final[dict[str, Callable[[str, str], bool]]] = {
    "eq": lambda found, value: found == value,
    "ne": lambda found, value: found != value,
    "co": lambda found, value: value in found,
    "nc": lambda found, value: value not in found,
    "sw": str.startswith,
    "ew": str.endswith,
    "is": lambda found, _: bool(found),
    "ns": lambda found, _: not found,
}
COMPARED: Final[dict[str, Callable[[int, int], bool]]] = {
    "eq": lambda found, limit: found == limit,
    "gte": lambda found, limit: found >= limit,
    "lte": lambda found, limit: found <= limit,
}


class Facts(Protocol):
    """What filters may look up about a change's issue. Intervals are production time, and end at the change."""

    def events(self, interval: timedelta) -> int:
        """How many events the issue had."""

    def users(self, interval: timedelta) -> int:
        """How many users its events name."""

    def is_latest_release(self) -> bool:
        """Is the event of the release that was seen first most recently?"""


@dataclass(frozen=True, slots=True)
class Subject:
    """The issue that changed, as filters see it."""

    type: str  # error, metric_issue
    level: str  # of the event, else of the issue
    priority: str
    times_seen: int
    age: timedelta  # production time
    tags: Mapping[str, str]
    attributes: Mapping[str, str]


def actions_for(workflow: Workflow, flip: Flip, subject: Subject, facts: Facts) -> list[dict[str, Any]]:
    """Return the actions that the alert takes on this change, if nothing throttles them."""
    if not is_triggered(workflow, flip, subject):
        return []
    groups = (group for group in workflow.action_filters if passes(group, subject, facts))
    return [action for group in groups for action in group["actions"]]


def is_triggered(workflow: Workflow, flip: Flip, subject: Subject) -> bool:
    """R1 and R2."""
    kinds = {condition["type"] for condition in workflow.triggers.get("conditions", [])}
    return (
        workflow.enabled
        and not {flip.detector_id, flip.stream_id}.isdisjoint(workflow.detector_ids)
        and (workflow.environment is None or workflow.environment == flip.environment)
        and (not kinds or not kinds.isdisjoint(triggers_of(flip.kind, subject.priority)))
    )


def triggers_of(kind: str, priority: str) -> frozenset[str]:
    """Return the triggers that a change of an issue of this priority matches; its escalation only has the last one."""
    found = set() if kind in (ESCALATED, CAPTURED) else {kind}
    if kind == FIRST_SEEN and priority == "high":
        found.add(NEW_HIGH)
    if kind in (REAPPEARED, ESCALATED) and priority == "high":
        found.add("existing_high_priority_issue")
    return frozenset(found)


def passes(group: Mapping[str, Any], subject: Subject, facts: Facts) -> bool:
    """R3."""
    held = (
        holds(make_filter(each["type"], each["comparison"]), subject, facts) for each in group.get("conditions", ())
    )
    if not group.get("conditions"):
        return True
    match group.get("logicType", "all"):
        case "none":
            return not any(held)
        case "all":
            return all(held)
        case _:
            return any(held)


def holds(wanted: Filter, subject: Subject, facts: Facts) -> bool:
    """Does the filter hold? Raises ValueError for a type that is not known."""
    if wanted.type in OF_EVENTS and subject.type != "error":  # R5
        return False
    match wanted.type:
        case "level":
            return COMPARED[wanted["match"]](LEVELS.get(subject.level, LEVELS["error"]), wanted["level"])
        case "tagged_event":
            return MATCHES[wanted["match"]](subject.tags.get(wanted["key"], ""), wanted["value"])
        case "event_attribute":
            return MATCHES[wanted["match"]](subject.attributes.get(wanted["attribute"], ""), wanted["value"])
        case "issue_occurrences":
            return bool(subject.times_seen >= wanted["value"])
        case "issue_category":
            return bool(KINDS.get(subject.type) == wanted["value"])
        case "issue_priority_greater_or_equal":
            return bool(NUMBERS.get(subject.priority, 0) >= wanted.body)
        case "age_comparison":
            limit = AGES[wanted["time"]] * wanted["value"]
            return bool(subject.age > limit if wanted["comparisonType"] == "older" else subject.age < limit)
        case "event_frequency_count":
            return bool(facts.events(INTERVALS[wanted["interval"]]) > wanted["value"])
        case "event_unique_user_frequency_count":
            return bool(facts.users(INTERVALS[wanted["interval"]]) > wanted["value"])
        case "latest_release":
            return facts.is_latest_release()
    raise ValueError(f"filter {wanted.type!r} is not known")


def is_throttled(kind: str, at: datetime, last_at: datetime | None, frequency: timedelta) -> bool:
    """R4. `frequency` is on the same clock as the instants."""
    return kind != RESOLVED and last_at is not None and at - last_at < frequency
