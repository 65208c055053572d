"""A case -> the pages that the engine would send, minute by minute on a manual clock.

Values, states, flips, filters and throttling are the embedded engine's own code; only store and sockets are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from embedded.channels.message import metric_action
from embedded.evaluate import Condition, Level, State, evaluate, flip_kind
from embedded.measure import cadence
from embedded.routing import Subject, actions_for, is_throttled, triggers_of
from embedded.store.alerts import CAPTURED, HIGH, RESOLVED, Flip
from embedded.store.monitors import Workflow
from embedded.store.telemetry import NEW, RETURNED
from monitors.actions import Address
from monitors.bodies import workflow_body
from monitors.model import Alert, Monitor, RuleSet, Trigger
from rehearsal.ruletests.files import Case, Errors, Page
from rehearsal.ruletests.world import MINUTE, START, Meter, World

ERROR_MONITOR: Final = 0  # the id of the project's own; metric monitors are numbered from 1
RECEIVER: Final = Address("sentry_app", "1")  # nobody is told


@dataclass(frozen=True, slots=True)
class Sent:
    """A page, and when."""

    minute: int
    page: Page


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case led to."""

    sent: tuple[Sent, ...]
    branches: frozenset[tuple[str, str]]  # (rule, what of it happened), for coverage


@dataclass(slots=True)
class _Issue:
    """What the store would know of an issue."""

    id: int
    type: str
    level: str
    first_seen: datetime
    times_seen: int = 0
    priority: str = "medium"
    is_archived: bool = False
    is_resolved: bool = False  # by a person; only of error events, the others resolve themselves


@dataclass(slots=True)
class _Watched:
    """A monitor at work."""

    monitor: Monitor
    detector_id: int
    meter: Meter
    every: int  # minutes
    conditions: tuple[Condition, ...]
    state: State = field(default_factory=lambda: State(Level.OK, None))
    issue: _Issue | None = None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What filters look up, from the case's own series. Implements `embedded.routing.Facts`."""

    world: World
    errors: Errors | None  # None for the issue of a metric monitor, of which the engine asks nothing
    minute: int

    def events(self, interval: timedelta) -> int:
        if self.errors is None:
            return 0
        return self.world.events(self.errors.issue, self.minute - interval // MINUTE, self.minute)

    def users(self, interval: timedelta) -> int:
        return min(self.events(interval), self.errors.users if self.errors else 0)

    def is_latest_release(self) -> bool:
        release = self.errors.tags.get("release") if self.errors else None
        return release is not None and release == self.world.latest_release(self.minute)


def simulate(rules: RuleSet, case: Case) -> Outcome:
    """Return all pages of a case up to its last expectation, in their order."""
    return _Simulation(rules, case).run()


class _Simulation:
    def __init__(self, rules: RuleSet, case: Case) -> None:
        self.case, self.last = case, case.expected[-1].minute
        self.world = World(case, self.last)
        enabled = [each for each in rules.monitors if each.enabled]
        self.watched = [_watch(ident, each, self.world) for ident, each in enumerate(enabled, start=1)]
        ids = {each.monitor.name: each.detector_id for each in self.watched}
        self.workflows = [(each, _workflow(number, each, ids)) for number, each in enumerate(rules.alerts)]
        self.issues: dict[str, _Issue] = {}
        self.last_at: dict[tuple[int, str, int], datetime] = {}
        self.sent: list[Sent] = []
        self.branches: set[tuple[str, str]] = set()

    def run(self) -> Outcome:
        """Each minute: what persons did, then its errors open issues, then the due monitors are evaluated."""
        for minute in range(1, self.last + 1):
            self._do_deeds(minute)
            for errors in self.case.errors:
                self._receive(errors, minute)
            for each in self.watched:
                if minute % each.every == 0:
                    self._evaluate(each, minute)
        return Outcome(tuple(self.sent), frozenset(self.branches))

    def _do_deeds(self, minute: int) -> None:
        for each in self.watched:
            if each.issue and self.case.archived.get(each.monitor.name) == minute:
                each.issue.is_archived = True
        for name, issue in self.issues.items():
            issue.is_resolved = issue.is_resolved or self.case.resolved.get(name) == minute

    def _evaluate(self, watched: _Watched, minute: int) -> None:
        monitor, now = watched.monitor, START + minute * MINUTE
        value = watched.meter.value(minute)
        watched.state, change = evaluate(watched.conditions, value, watched.state, now)
        if change is None:
            return
        self.branches.add((f"monitor {monitor.name}", change.after.name.lower()))
        issue = watched.issue
        kind = flip_kind(
            change.before, change.after, is_known=issue is not None, is_archived=issue is not None and issue.is_archived
        )
        issue = watched.issue = issue or _Issue(watched.detector_id, "metric_issue", "error", now)
        if change.after is not Level.OK:
            issue.priority, issue.is_archived = ("high" if change.after is Level.HIGH else "medium"), False
            issue.times_seen += change.before is Level.OK
        if kind:
            flip = _flip(watched.detector_id, issue, kind, change.after, value, monitor.environment, now)
            self._notify(flip, issue, None, metric_action(kind, change.after))

    def _receive(self, errors: Errors, minute: int) -> None:
        """The newest event of an issue, as the engine looks at it once a tick."""
        count = self.world.events(errors.issue, minute - 1, minute)
        if not count:
            return
        now, known = START + minute * MINUTE, self.issues.get(errors.issue)
        issue = self.issues[errors.issue] = known or _Issue(-1 - len(self.issues), "error", errors.level, now)
        issue.times_seen += count
        issue.priority = "high" if errors.level in ("error", "fatal") else "medium"
        kind = (RETURNED if issue.is_resolved else CAPTURED) if known else NEW
        issue.is_resolved = False
        flip = _flip(ERROR_MONITOR, issue, kind, HIGH, None, errors.tags.get("environment"), now)
        self._notify(flip, issue, errors, "triggered")

    def _notify(self, flip: Flip, issue: _Issue, errors: Errors | None, says: str) -> None:
        minute = (flip.at - START) // MINUTE
        for alert, workflow in self.workflows:
            if flip.kind == CAPTURED and workflow.triggers["conditions"]:
                continue  # the engine makes no such flip for it
            subject, facts = _subject(issue, errors, flip.at), _Facts(self.world, errors, minute)
            for action in actions_for(workflow, flip, subject, facts):
                self._take(alert, (workflow.id, action["id"], issue.id), flip, issue, says)

    def _take(self, alert: Alert, key: tuple[int, str, int], flip: Flip, issue: _Issue, says: str) -> None:
        if is_throttled(flip.kind, flip.at, self.last_at.get(key), alert.frequency):
            return
        if flip.kind != RESOLVED:
            self.last_at[key] = flip.at
        self.sent.append(Sent((flip.at - START) // MINUTE, Page(alert.name, says)))
        asked = {each.value for each in alert.triggers}
        told = triggers_of(flip.kind, issue.priority) | {Trigger.ANY_EVENT.value}
        self.branches |= {(f"alert {alert.name}", kind) for kind in asked & told}


def _flip(
    detector_id: int,
    issue: _Issue,
    kind: str,
    level: int,
    value: float | None,
    environment: str | None,
    now: datetime,
) -> Flip:
    return Flip(0, detector_id, issue.id, kind, level, value, None, environment, now, None)


def _watch(ident: int, monitor: Monitor, world: World) -> _Watched:
    every = cadence(monitor.window, monitor.compared_to) // MINUTE
    conditions = tuple(Condition(each.comparison, each.value, Level(each.priority)) for each in monitor.thresholds)
    return _Watched(monitor, ident, Meter(monitor, world), every, conditions)


def _workflow(number: int, alert: Alert, ids: dict[str, int]) -> Workflow:
    """The alert as the engine keeps it: made from the very body that `apply` would send."""
    connected = [ids[name] for name in alert.monitors if name in ids] + ([ERROR_MONITOR] if alert.builtin else [])
    body = workflow_body(alert, connected, dict.fromkeys(alert.actions, RECEIVER))
    groups: list[dict[str, Any]] = [
        group | {"actions": [each | {"id": str(index)} for index, each in enumerate(group["actions"])]}
        for group in body["actionFilters"]
    ]
    return Workflow(
        id=number,
        name=alert.name,
        enabled=alert.enabled,
        environment=alert.environment,
        config=body["config"],
        triggers=body["triggers"],
        action_filters=groups,
        created_at=START,
        updated_at=START,
        triggered_at=None,
        detector_ids=tuple(connected),
    )


def _subject(issue: _Issue, errors: Errors | None, at: datetime) -> Subject:
    plain = Subject(issue.type, issue.level, issue.priority, issue.times_seen, at - issue.first_seen, {}, {})
    if errors is None:
        return plain
    attributes = {"exception.type": errors.issue, "message": errors.issue, "platform": "python", "type": "error"}
    return replace(plain, tags={"level": errors.level, **errors.tags}, attributes=attributes | dict(errors.tags))


def differences(case: Case, outcome: Outcome) -> Iterator[str]:
    """Say where a case went otherwise than expected; nothing if it held."""
    since = 0
    for each in case.expected:
        found = [sent for sent in outcome.sent if since < sent.minute <= each.minute]
        if sorted(sent.page for sent in found) != sorted(each.pages):
            expected = ", ".join(map(str, sorted(each.pages))) or "silence"
            told = ", ".join(f"{sent.page} at {sent.minute}m" for sent in found) or "silence"
            yield f"{case.file}:{each.line}: {case.name}, {since}m to {each.minute}m: expected {expected}; found {told}"
        since = each.minute
