"""Rules -> a Terraform file for the public provider jianyuan/sentry: the very bodies that apply sends, in its words.

Source: https://github.com/jianyuan/terraform-provider-sentry, docs/resources/metric_monitor.md and alert.md at ed580326
(version 0.15.4), read 2026-11.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from monitors.bodies import detector_body, workflow_body
from monitors.hcl import Block, Reference, Value, write_hcl
from monitors.model import Alert, Monitor, RuleSet, Trigger
from monitors.plan import with_runbooks
from monitors.terraform_receivers import NOBODY, ORGANIZATION, Receivers, find_receivers, free_label

PROVIDER: Final = {"source": "jianyuan/sentry", "version": "~> 0.15.4"}
MONITOR: Final = "sentry_metric_monitor"
ALERT: Final = "sentry_alert"
ERROR_MONITOR: Final = "sentry_project_error_monitor"
QUERY_TYPES: Final = {0: "error", 1: "performance"}
# The provider has only these four as conditions; the others go through a list of its own, by name.
TRIGGERS: Final = (Trigger.FIRST_SEEN, Trigger.REGRESSION, Trigger.REAPPEARED, Trigger.RESOLVED)
INTERVALS: Final = {"1min": "1m", "5min": "5m", "15min": "15m"}  # Sentry's own -> the provider's
KEYS: Final = {"comparisonType": "comparison_type"}
OF_SCALAR: Final = {"issue_priority_greater_or_equal": "comparison"}
NAMES: Final = ("organization", "project")
PROJECT: Final = Reference("var.project")
ERROR_DATA: Final = Block("data", (ERROR_MONITOR, "error"), {"organization": ORGANIZATION, "project": PROJECT})


def export_hcl(rules: RuleSet) -> str:
    """Return the rules as one file; what only that Sentry knows are its variables."""
    rules = with_runbooks(rules)
    receivers = find_receivers(rules)
    monitors = _labels(each.name for each in rules.monitors)
    alerts = _labels(each.name for each in rules.alerts)
    return write_hcl(
        [
            Block("terraform", (), {}, (Block("required_providers", (), {"sentry": PROVIDER}),)),
            *(_variable(name) for name in NAMES),
            *receivers.blocks(),
            *([ERROR_DATA] if any(alert.builtin for alert in rules.alerts) else []),
            *(_monitor(each, monitors[each.name]) for each in rules.monitors),
            *(_alert(each, alerts[each.name], monitors, receivers) for each in rules.alerts),
        ]
    )


def _variable(name: str) -> Block:
    return Block("variable", (name,), {"type": Reference("string"), "description": f"Slug of the {name}."})


def _monitor(monitor: Monitor, label: str) -> Block:
    body = detector_body(monitor)
    source, config = body["dataSources"][0], body["config"]
    conditions = [
        {"type": each["type"], "comparison": each["comparison"], "condition_result": each["conditionResult"]}
        for each in body["conditionGroup"]["conditions"]
    ]
    detection = {"type": config["detectionType"]}
    if monitor.compared_to is not None:
        detection["comparison_delta"] = config["comparisonDelta"]
    attributes: dict[str, Value] = {
        "organization": ORGANIZATION,
        "project": PROJECT,
        "name": monitor.name,
        "description": monitor.description,
        "enabled": monitor.enabled,
        "owner": _owner(monitor.owner),
        "aggregate": source["aggregate"],
        "dataset": source["dataset"],
        "query_type": QUERY_TYPES[source["queryType"]],
        "event_types": sorted(source["eventTypes"]),
        "query": source["query"],
        "time_window_seconds": source["timeWindow"],
        "environment": monitor.environment,
        "extrapolation_mode": source["extrapolationMode"],
        "condition_group": {"logic_type": body["conditionGroup"]["logicType"], "conditions": conditions},
        "issue_detection": detection,
    }
    return Block("resource", (MONITOR, label), _without_nothing(attributes), comments=(str(monitor.source),))


def _alert(alert: Alert, label: str, monitors: Mapping[str, str], receivers: Receivers) -> Block:
    ids = [Reference(f"{MONITOR}.{monitors[name]}.id") for name in alert.monitors]
    ids += [Reference(f"data.{ERROR_MONITOR}.error.id")] if alert.builtin else []
    body = workflow_body(alert, (), dict.fromkeys(alert.actions, NOBODY))  # the ids of both are references here
    [group] = body["actionFilters"]
    filters: dict[str, Value] = {
        "logic_type": group["logicType"],
        "conditions": [_condition(each["type"], each["comparison"]) for each in group["conditions"]],
        "actions": [receivers.action(each, alert.runbook) for each in alert.actions],
    }
    conditions: list[Value] = [{each.value: {}} for each in alert.triggers if each in TRIGGERS]
    others = [each.value for each in alert.triggers if each not in (*TRIGGERS, Trigger.ANY_EVENT)]
    attributes: dict[str, Value] = {
        "organization": ORGANIZATION,
        "name": alert.name,
        "enabled": alert.enabled,
        "environment": alert.environment,
        "monitor_ids": ids,
        "frequency_minutes": body["config"]["frequency"],
        "trigger_conditions": conditions,
        "legacy_trigger_conditions": others or None,
        "action_filters": [filters],
    }
    return Block("resource", (ALERT, label), _without_nothing(attributes), comments=_lost(alert))


def _lost(alert: Alert) -> tuple[str, ...]:
    """Where it is written, and what the provider's resource has no field for."""
    owner = (f"Owner {alert.owner}: the provider has no field for it.",) if alert.owner else ()
    runbook = (f"Runbook: {alert.runbook}",) if alert.runbook else ()
    return (str(alert.source), *owner, *runbook)


def _condition(kind: str, comparison: Any) -> Value:
    """A condition of Sentry's API in the provider's words."""
    if kind in OF_SCALAR:
        return {kind: {OF_SCALAR[kind]: comparison}}
    if not isinstance(comparison, Mapping):  # a truth that says nothing more
        return {kind: {}}
    given: dict[str, Value] = {KEYS.get(str(key), str(key)): value for key, value in comparison.items() if value != ""}
    if "interval" in comparison:
        given["interval"] = INTERVALS.get(comparison["interval"], comparison["interval"])
    return {kind: given}


def _owner(owner: str | None) -> Value:
    kind, _, ident = (owner or "").partition(":")
    return {f"{kind}_id": ident} if ident else None


def _without_nothing(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """Without those that are None: leaving them out says the same, in fewer lines."""
    return {key: value for key, value in attributes.items() if value is not None}


def _labels(names: Iterable[str]) -> dict[str, str]:
    """Name -> label; those that would get the same one are numbered."""
    found: dict[str, str] = {}
    for name in names:
        found[name] = free_label(name, found.values())
    return found
