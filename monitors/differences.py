"""A rule beside what Sentry has: what differs, field by field, in words; pure.

Fields are compared by meaning, never by order or by id, so that a plan after an apply is empty.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from monitors.actions import Addresses, action_body
from monitors.bodies import EVENT_TYPES, LOGIC_TYPES, MINUTE, SECOND, key_of
from monitors.errors import QueryError
from monitors.model import Alert, Monitor, Trigger
from monitors.query import parse_query
from monitors.remote import Measurement, RemoteAlert, RemoteMonitor

Differences = tuple[str, ...]


def monitor_differences(monitor: Monitor, remote: RemoteMonitor) -> Differences:
    """Return `field: there -> rule` for every field of a monitor that differs."""
    there = remote.measurement or Measurement("", "", "", 0, None, frozenset())
    pairs = {
        "description": (remote.description, monitor.description),
        "enabled": (remote.enabled, monitor.enabled),
        "dataset": (there.dataset, monitor.dataset.value),
        "aggregate": (there.aggregate, str(monitor.aggregate)),
        "window (s)": (there.window_s, monitor.window // SECOND),
        "environment": (there.environment, monitor.environment),
        "event types": (sorted(there.event_types), sorted(EVENT_TYPES[monitor.dataset])),
        "detection": (remote.detection, "static" if monitor.compared_to is None else "percent"),
        "compared to (s)": (remote.compared_to_s, monitor.compared_to and monitor.compared_to // SECOND),
        "thresholds": (_conditions(remote), _thresholds(monitor)),
    }
    if monitor.extrapolation != "unknown":  # which leaves it to Sentry
        pairs["extrapolation"] = (there.extrapolation, monitor.extrapolation)
    if monitor.owner is not None:
        pairs["owner"] = (remote.owner, monitor.owner)
    different = list(_compare(pairs))
    if _query_meaning(there.query) != _query_meaning(monitor.query):
        different.append(f"query: {there.query!r} -> {monitor.query!r}")
    return tuple(different)


def alert_differences(
    alert: Alert, remote: RemoteAlert, connected: Mapping[int, str], missing: tuple[str, ...], addresses: Addresses
) -> Differences:
    """Return `field: there -> rule` for every field of an alert that differs.

    `connected` maps the ids of the monitors that the alert is to be connected to, to their names; `missing` are those
    that have no id yet, because they are still to be created.
    """
    there = {connected.get(ident, f"id {ident}") for ident in remote.detector_ids}
    bodies = [action_body(action, addresses[action], alert.runbook) for action in alert.actions]
    targets = [(*key_of(each), _show_data(each["data"])) for each in bodies]
    pairs = {
        "enabled": (remote.enabled, alert.enabled),
        "environment": (remote.environment, alert.environment),
        "frequency (min)": (remote.frequency_min, alert.frequency // MINUTE),
        "monitors": (sorted(there), sorted([*connected.values(), *missing])),
        "trigger logic": (remote.trigger_logic, "any-short"),
        "triggers": (sorted(kind for kind, _ in remote.triggers), _triggers(alert)),
        "filters": (_remote_filters(remote), _filters(alert)),
        "actions": (_targets(remote), sorted(targets)),
    }
    if alert.owner is not None:
        pairs["owner"] = (remote.owner, alert.owner)
    return tuple(_compare(pairs))


def _compare(pairs: Mapping[str, tuple[Any, Any]]) -> Iterator[str]:
    for name, (there, rule) in pairs.items():
        if there != rule:
            yield f"{name}: {there!r} -> {rule!r}"


def _conditions(remote: RemoteMonitor) -> list[tuple[str, float, int]]:
    return sorted(remote.conditions)


def _thresholds(monitor: Monitor) -> list[tuple[str, float, int]]:
    return sorted((each.comparison, each.value, int(each.priority)) for each in monitor.thresholds)


def _triggers(alert: Alert) -> list[str]:
    return sorted(each.value for each in alert.triggers if each is not Trigger.ANY_EVENT)


def _filters(alert: Alert) -> str:
    found = [(each.type, json.dumps(each.body, sort_keys=True)) for each in alert.filters]
    return _show_filters(LOGIC_TYPES[alert.logic], found)


def _remote_filters(remote: RemoteAlert) -> str:
    """Say what stands between issue and action; any logic over no conditions lets everything pass."""
    groups = [
        _show_filters(group.logic, [(each.type, each.comparison) for each in group.conditions])
        for group in remote.filters
    ]
    return groups[0] if len(groups) == 1 else f"{len(groups)} groups"


def _show_filters(logic: str, conditions: list[tuple[str, str]]) -> str:
    """`any` and `any-short` let the same issues pass, and of one condition `all` does too."""
    if not conditions:
        return "none, every issue passes"
    if logic != "none" and len(conditions) == 1:
        logic = "all"
    return f"{logic.removesuffix('-short')} of {sorted(set(conditions))}"


def _targets(remote: RemoteAlert) -> list[tuple[str, ...]]:
    return sorted((*action.key, _show_data(dict(action.data))) for each in remote.filters for action in each.actions)


def _show_data(data: Mapping[str, str]) -> str:
    """What is said beside the receiver; `settings` of integrations and empty values say nothing."""
    said = {key: value for key, value in data.items() if key != "settings" and value not in ("", "None", "default")}
    return ", ".join(f"{key}={value}" for key, value in sorted(said.items()))


def _query_meaning(text: str) -> Any:
    """Return what a query asks, whatever its spacing and order; the text itself where it is none of ours."""
    try:
        return frozenset((term.key, frozenset(term.values), term.negated) for term in parse_query(text).terms)
    except QueryError:
        return text
