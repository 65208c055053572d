"""Rules -> the request bodies of Sentry's detectors and workflows.

Source: Sentry's public API schema v0.272.0 (detectors, workflows), read 2026-11.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from monitors.actions import Addresses, action_body
from monitors.model import Alert, Dataset, Monitor, Threshold, Trigger
from monitors.remote import ActionKey, RemoteAlert, action_key

METRIC_MONITOR: Final = "metric_issue"
QUERY_TYPES: Final = {Dataset.ERRORS: 0, Dataset.SPANS: 1}
# For spans exactly one event type is allowed; for errors these two together are all error events.
EVENT_TYPES: Final = {Dataset.ERRORS: ("error", "default"), Dataset.SPANS: ("trace_item_span",)}
LOGIC_TYPES: Final = {"all": "all", "any": "any-short", "none": "none"}
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)


def detector_body(monitor: Monitor, workflow_ids: Sequence[int] | None = None) -> dict[str, Any]:
    """Return the body that creates or changes a monitor.

    Without `workflow_ids` the connections stay as they are: alerts name their monitors, not the other way round.
    """
    connections = {} if workflow_ids is None else {"workflowIds": list(workflow_ids)}
    return (
        {
            "name": monitor.name,
            "type": METRIC_MONITOR,
            "description": monitor.description,
            "enabled": monitor.enabled,
            "dataSources": [_data_source(monitor)],
            "config": _config(monitor),
            "conditionGroup": {"logicType": "any", "conditions": [_condition(each) for each in monitor.thresholds]},
        }
        | connections
        | _owner(monitor.owner)
    )


def workflow_body(alert: Alert, detector_ids: Iterable[int], addresses: Addresses) -> dict[str, Any]:
    """Return the body that creates or changes an alert; `addresses` says whom each action means in that Sentry.

    `enabled` is always there, because a change without it would switch the alert on.
    """
    return {
        "name": alert.name,
        "enabled": alert.enabled,
        "environment": alert.environment,
        "config": {"frequency": alert.frequency // MINUTE},
        "detectorIds": sorted(detector_ids),
        "triggers": {
            "logicType": "any-short",
            "conditions": [
                {"type": trigger.value, "comparison": True, "conditionResult": True}
                for trigger in alert.triggers
                if trigger is not Trigger.ANY_EVENT  # which is no condition at all
            ],
        },
        # Without a filter group no action is ever chosen; one without conditions lets every issue pass.
        "actionFilters": [
            {
                "logicType": LOGIC_TYPES[alert.logic],
                "conditions": [
                    {"type": each.type, "comparison": each.body, "conditionResult": True} for each in alert.filters
                ],
                "actions": [action_body(action, addresses[action], alert.runbook) for action in alert.actions],
            }
        ],
    } | _owner(alert.owner)


def echo_ids(body: dict[str, Any], remote: RemoteAlert) -> dict[str, Any]:
    """Return an alert's body with the ids that its parts have there, for those parts that stay.

    A list replaces the old one, and a part without its id is a new part: it would forget whom it has notified.
    """
    trigger_ids = dict(remote.triggers)
    group, kept = body["actionFilters"][0], remote.filters[0] if remote.filters else None
    action_ids = {each.key: each.id for each in (kept.actions if kept else ())}
    triggers = [each | _id(trigger_ids.get(each["type"])) for each in body["triggers"]["conditions"]]
    filter_ids = {(each.type, each.comparison): each.id for each in (kept.conditions if kept else ())}
    conditions = [
        each | _id(filter_ids.get((each["type"], json.dumps(each["comparison"], sort_keys=True))))
        for each in group["conditions"]
    ]
    actions = [each | _id(action_ids.get(key_of(each))) for each in group["actions"]]
    return body | {
        "id": str(remote.id),
        "owner": body.get("owner", remote.owner),  # a person's choice where the rule names none
        "triggers": body["triggers"] | {"conditions": triggers} | _id(remote.triggers_id),
        "actionFilters": [group | {"conditions": conditions, "actions": actions} | _id(kept.id if kept else None)],
    }


def with_identifier(body: dict[str, Any]) -> dict[str, Any]:
    """Return an alert's body whose integrations say what kind of id their target is.

    Releases disagree whether that key must or must not be there; the documented shape is without it.
    """
    marked = {"sentryAppIdentifier": "sentry_app_id"}
    groups = [
        group
        | {
            "actions": [
                each | {"config": each["config"] | marked} if each["type"] == "sentry_app" else each
                for each in group["actions"]
            ]
        }
        for group in body["actionFilters"]
    ]
    return body | {"actionFilters": groups}


def _data_source(monitor: Monitor) -> dict[str, Any]:
    return {
        "queryType": QUERY_TYPES[monitor.dataset],
        "dataset": monitor.dataset.value,
        "query": monitor.query,
        "aggregate": str(monitor.aggregate),
        "timeWindow": monitor.window // SECOND,
        "environment": monitor.environment,  # the key must be there, even for all environments
        "eventTypes": list(EVENT_TYPES[monitor.dataset]),
        "extrapolationMode": monitor.extrapolation,
    }


def _config(monitor: Monitor) -> dict[str, Any]:
    if monitor.compared_to is None:
        return {"detectionType": "static"}
    return {"detectionType": "percent", "comparisonDelta": monitor.compared_to // SECOND}


def _owner(owner: str | None) -> dict[str, str]:
    """Without one the key is left out, so that a person's choice stays."""
    return {} if owner is None else {"owner": owner}


def _condition(threshold: Threshold) -> dict[str, Any]:
    value = threshold.value
    return {
        "type": threshold.comparison,
        "comparison": int(value) if value.is_integer() else value,
        "conditionResult": int(threshold.priority),
    }


def key_of(action: dict[str, Any]) -> ActionKey:
    """Return what makes an action of a body the same as one that is there."""
    config = action["config"]
    return action_key(
        action["type"], config["targetIdentifier"], config.get("targetDisplay"), action.get("integrationId")
    )


def _id(ident: int | None) -> dict[str, str]:
    return {} if ident is None else {"id": str(ident)}
