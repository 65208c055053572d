"""Rules and a Sentry -> what to create or update there, and doing it. Found again by name; nothing is ever deleted."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar

from monitors.actions import Addresses, find_addresses
from monitors.answers import Project
from monitors.bodies import METRIC_MONITOR, detector_body, echo_ids, with_identifier, workflow_body
from monitors.client import SentryClient
from monitors.differences import Differences, alert_differences, monitor_differences
from monitors.errors import ApiError, PlanError
from monitors.model import Alert, Monitor, RuleSet
from monitors.remote import RemoteAlert, RemoteMonitor

__all__ = ["Change", "Plan", "PlanError", "apply_plan", "make_plan"]

T = TypeVar("T", RemoteMonitor, RemoteAlert)
# Monitors that Sentry makes with a project: not ours to manage, so not worth a mention either.
DEFAULT_MONITORS: Final = frozenset({"error", "issue_stream"})


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one rule."""

    kind: Literal["create", "update", "unchanged"]
    what: Literal["monitor", "alert"]
    name: str
    differences: Differences  # only of an update
    rule: Monitor | Alert
    remote: RemoteMonitor | RemoteAlert | None  # None for a create

    def __str__(self) -> str:
        return "\n    ".join((f"{self.kind} {self.what} {self.name!r}", *self.differences))


@dataclass(frozen=True, slots=True)
class Plan:
    """The way from what a project has to what the rules ask for."""

    project: Project
    changes: tuple[Change, ...]  # one per rule: monitors, then alerts
    unmanaged: tuple[str, ...]  # monitors and alerts of the project beside those of the rules; they stay
    monitor_ids: Mapping[str, int]  # of those that exist
    error_monitor_id: int | None  # the project's default one
    addresses: Addresses  # of everyone that the alerts notify

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(change.kind == "unchanged" for change in self.changes)

    def __str__(self) -> str:
        lines = [str(change) for change in self.changes if change.kind != "unchanged"] or ["nothing to change"]
        return "\n".join([*lines, *(f"not in the rules, left alone: {each}" for each in self.unmanaged)])


def make_plan(rules: RuleSet, client: SentryClient, project: Project) -> Plan:
    """Compare the rules with the project; changes nothing.

    Raises PlanError if someone to notify or the project's error monitor is missing there, and ApiError.
    """
    rules = with_runbooks(rules)
    detectors = client.detectors(project.id)
    metric = _by_name(each for each in detectors if each.type == METRIC_MONITOR)
    error_monitor_id = next((each.id for each in detectors if each.type == "error"), None)
    if error_monitor_id is None and any(alert.builtin for alert in rules.alerts):
        raise PlanError(f"project {project.slug!r} has no default error monitor, which `builtin: error` needs")
    ours = {each.id for each in detectors}
    found = client.workflows()
    workflows = _by_name(_nearest(found, ours))
    monitor_ids = {name: each.id for name, each in metric.items()}
    addresses = find_addresses(rules.alerts, client)
    plan = Plan(project, (), _unmanaged(rules, detectors, found, ours), monitor_ids, error_monitor_id, addresses)
    monitors = [_plan_monitor(monitor, metric.get(monitor.name)) for monitor in rules.monitors]
    alerts = [_plan_alert(alert, workflows.get(alert.name), plan) for alert in rules.alerts]
    return replace(plan, changes=(*monitors, *alerts))


def apply_plan(plan: Plan, client: SentryClient) -> tuple[Change, ...]:
    """Do what the plan says, monitors first because alerts name their ids; return what was done, () for nothing.

    Raises ApiError at the first call that fails. What was done until then stays, and the next plan starts from there.
    """
    done: list[Change] = []
    ids = dict(plan.monitor_ids)
    for change in plan.changes:
        if change.kind == "unchanged":
            continue
        if isinstance(change.rule, Monitor):
            ids[change.name] = _apply_monitor(change.rule, change.remote, plan.project, client).id
        else:
            _apply_alert(change.rule, change.remote, plan, ids, client)
        done.append(change)
    return tuple(done)


def with_runbooks(rules: RuleSet) -> RuleSet:
    """Sentry has no field for a runbook and shows a monitor's description on its issues: it is written there."""
    return replace(rules, monitors=tuple(_with_runbook(each, rules.alerts) for each in rules.monitors))


def _with_runbook(monitor: Monitor, alerts: Iterable[Alert]) -> Monitor:
    runbooks = {alert.runbook for alert in alerts if alert.runbook and monitor.name in alert.monitors}
    lines = [monitor.description or "", *(f"Runbook: {url}" for url in sorted(runbooks))]
    return replace(monitor, description="\n".join(filter(None, lines)) or None)


def _plan_monitor(monitor: Monitor, remote: RemoteMonitor | None) -> Change:
    different = monitor_differences(monitor, remote) if remote else ()
    return Change(_kind(remote, different), "monitor", monitor.name, different, monitor, remote)


def _plan_alert(alert: Alert, remote: RemoteAlert | None, plan: Plan) -> Change:
    connected = {plan.monitor_ids[name]: name for name in alert.monitors if name in plan.monitor_ids}
    if alert.builtin and plan.error_monitor_id is not None:
        connected[plan.error_monitor_id] = f"builtin {alert.builtin}"
    missing = tuple(name for name in alert.monitors if name not in plan.monitor_ids)
    different = alert_differences(alert, remote, connected, missing, plan.addresses) if remote else ()
    return Change(_kind(remote, different), "alert", alert.name, different, alert, remote)


def _kind(remote: object | None, different: Differences) -> Literal["create", "update", "unchanged"]:
    if remote is None:
        return "create"
    return "update" if different else "unchanged"


def _apply_monitor(
    monitor: Monitor, remote: RemoteMonitor | RemoteAlert | None, project: Project, client: SentryClient
) -> RemoteMonitor:
    body = detector_body(monitor)
    return client.update_detector(remote.id, body) if remote else client.create_detector(project.slug, body)


def _apply_alert(
    alert: Alert,
    remote: RemoteMonitor | RemoteAlert | None,
    plan: Plan,
    monitor_ids: Mapping[str, int],
    client: SentryClient,
) -> None:
    detector_ids = [monitor_ids[name] for name in alert.monitors]
    if alert.builtin and plan.error_monitor_id is not None:
        detector_ids.append(plan.error_monitor_id)
    body = workflow_body(alert, detector_ids, plan.addresses)
    if isinstance(remote, RemoteAlert):
        body = echo_ids(body, remote)
    try:
        _send_alert(body, remote, client)
    except ApiError as error:
        if error.status != 400:
            raise
        try:
            _send_alert(with_identifier(body), remote, client)
        except ApiError:
            raise error from None  # the first refusal is about the body as it is meant


def _send_alert(body: dict[str, Any], remote: RemoteMonitor | RemoteAlert | None, client: SentryClient) -> None:
    if remote:
        client.update_workflow(remote.id, body)
    else:
        client.create_workflow(body)


def _by_name(found: Iterable[T]) -> dict[str, T]:
    """Index by name; of several with one name, after a create that was sent twice, the first counts."""
    return {each.name: each for each in sorted(found, key=lambda each: each.id, reverse=True)}


def _nearest(workflows: Iterable[RemoteAlert], ours: set[int]) -> list[RemoteAlert]:
    """Return the alerts that can be this project's: connected to it, or to nothing at all.

    Alerts belong to the organisation, so another project may have one of the same name. Of two that can be ours, the
    connected one wins over the stray one.
    """
    connected = [each for each in workflows if each.detector_ids & ours]
    names = {each.name for each in connected}
    return connected + [each for each in workflows if not each.detector_ids and each.name not in names]


def _unmanaged(
    rules: RuleSet, detectors: Iterable[RemoteMonitor], workflows: Iterable[RemoteAlert], ours: set[int]
) -> tuple[str, ...]:
    """Those that no rule names, and the second ones of a name, which would page beside the first."""
    monitors = [each for each in detectors if each.type not in DEFAULT_MONITORS]
    alerts = [each for each in workflows if each.detector_ids & ours]
    return (
        *_strangers("monitor", monitors, {each.name for each in rules.monitors}),
        *_strangers("alert", alerts, {each.name for each in rules.alerts}),
    )


def _strangers(what: str, found: Iterable[T], names: set[str]) -> Iterator[str]:
    seen = set[str]()
    for each in sorted(found, key=lambda each: (each.name, each.id)):
        if each.name not in names:
            yield f"{what} {each.name!r}"
        elif each.name in seen:
            yield f"{what} {each.name!r} once more, id {each.id}"
        seen.add(each.name)
