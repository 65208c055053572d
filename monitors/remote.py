"""Monitors and alerts as a Sentry answers them -> frozen records, in the terms of the rules.

The parsers raise KeyError, TypeError or ValueError for an answer of another shape; the client names the call.
Source: Sentry's public API schema v0.272.0 (responses of detectors and workflows), read 2026-11.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

# Of these Sentry finds the channel by its name, so that a rule needs no id; it answers with the id that it found.
BY_NAME: Final = ("slack", "msteams")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a metric monitor measures; unwrapped from `dataSources[0].queryObj.snubaQuery`."""

    dataset: str
    query: str
    aggregate: str
    window_s: int
    environment: str | None
    event_types: frozenset[str]
    extrapolation: str = "unknown"


@dataclass(frozen=True, slots=True)
class RemoteMonitor:
    """A monitor, a detector in the API."""

    id: int
    name: str
    type: str  # metric_issue, or a default one such as error
    project_id: int | None
    enabled: bool
    description: str | None
    measurement: Measurement | None  # None for monitors that are not metric ones
    detection: str | None  # static, percent, dynamic
    conditions: frozenset[tuple[str, float, int]]  # comparison, value, Sentry's number of the priority
    compared_to_s: int | None = None  # of a percent change
    owner: str | None = None  # "team:1" or "user:1"


ActionKey = tuple[str, str, str]  # kind, integration, whom


def action_key(kind: str, identifier: str | None, display: str | None, integration_id: object) -> ActionKey:
    """Return what makes two actions one: a channel's name where Sentry finds the id itself, else the id."""
    whom = (display or "").removeprefix("#") if kind in BY_NAME else identifier
    return kind, str(integration_id or ""), whom or ""


@dataclass(frozen=True, slots=True)
class RemoteAction:
    """A notification of an alert."""

    id: int
    kind: str
    target: str | None  # targetIdentifier, of a sentry_app for example the app's numeric id
    display: str | None = None  # targetDisplay
    integration_id: str | None = None
    data: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> ActionKey:
        """What makes two actions one and the same."""
        return action_key(self.kind, self.target, self.display, self.integration_id)


@dataclass(frozen=True, slots=True)
class RemoteCondition:
    """A filter between issue and action."""

    id: int
    type: str
    comparison: str  # as JSON with its keys in order, since its shape is the type's own


@dataclass(frozen=True, slots=True)
class RemoteFilter:
    """Conditions under which some actions are taken."""

    id: int
    logic: str
    conditions: tuple[RemoteCondition, ...]
    actions: tuple[RemoteAction, ...]


@dataclass(frozen=True, slots=True)
class RemoteAlert:
    """An alert, a workflow in the API."""

    id: int
    name: str
    enabled: bool
    environment: str | None
    frequency_min: int
    detector_ids: frozenset[int]
    owner: str | None  # "team:1" or "user:1"
    triggers_id: int | None
    trigger_logic: str | None
    triggers: tuple[tuple[str, int], ...]  # type and id of each condition
    filters: tuple[RemoteFilter, ...]


def parse_monitor(item: dict[str, Any]) -> RemoteMonitor:
    sources = item.get("dataSources") or []
    group = item.get("conditionGroup") or {}
    is_metric = item["type"] == "metric_issue"
    return RemoteMonitor(
        id=int(item["id"]),
        name=item["name"],
        type=item["type"],
        project_id=int(item["projectId"]) if item.get("projectId") else None,
        enabled=bool(item.get("enabled", True)),
        description=item.get("description") or None,
        measurement=_measurement(sources[0]) if is_metric and sources else None,
        detection=(item.get("config") or {}).get("detectionType"),
        # A dynamic monitor compares with an object instead of a number: nothing that a rule could equal.
        conditions=frozenset(
            (each["type"], float(each["comparison"]), int(each["conditionResult"]))
            for each in group.get("conditions") or []
            if isinstance(each["comparison"], int | float)
        ),
        compared_to_s=(item.get("config") or {}).get("comparisonDelta"),
        owner=_owner(item.get("owner")),
    )


def parse_alert(item: dict[str, Any]) -> RemoteAlert:
    triggers = item.get("triggers") or {}
    return RemoteAlert(
        id=int(item["id"]),
        name=item["name"],
        enabled=bool(item["enabled"]),
        environment=item.get("environment") or None,
        frequency_min=int((item.get("config") or {}).get("frequency") or 0),
        detector_ids=frozenset(int(each) for each in item.get("detectorIds") or []),
        owner=item.get("owner"),
        triggers_id=int(triggers["id"]) if triggers else None,
        trigger_logic=triggers.get("logicType"),
        triggers=tuple((each["type"], int(each["id"])) for each in triggers.get("conditions") or []),
        filters=tuple(_filter(each) for each in item.get("actionFilters") or []),
    )


def _measurement(source: dict[str, Any]) -> Measurement:
    query = source["queryObj"]["snubaQuery"]
    return Measurement(
        dataset=query["dataset"],
        query=query["query"],
        aggregate=query["aggregate"],
        window_s=int(query["timeWindow"]),
        environment=query.get("environment") or None,
        event_types=frozenset(query.get("eventTypes") or []),
        extrapolation=query.get("extrapolationMode") or "unknown",
    )


def _owner(owner: Any) -> str | None:
    """A monitor's owner is an object in answers, and text in requests."""
    return f"{owner['type']}:{owner['id']}" if isinstance(owner, dict) else owner


def _filter(group: dict[str, Any]) -> RemoteFilter:
    return RemoteFilter(
        id=int(group["id"]),
        logic=group["logicType"],
        conditions=tuple(
            RemoteCondition(int(each["id"]), each["type"], json.dumps(each["comparison"], sort_keys=True))
            for each in group.get("conditions") or []
        ),
        actions=tuple(_action(each) for each in group.get("actions") or []),
    )


def _action(item: dict[str, Any]) -> RemoteAction:
    config, integration = item.get("config") or {}, item.get("integrationId")
    return RemoteAction(
        id=int(item["id"]),
        kind=item["type"],
        target=config.get("targetIdentifier"),
        display=config.get("targetDisplay"),
        integration_id=None if integration is None else str(integration),
        data=tuple(sorted((key, str(value)) for key, value in (item.get("data") or {}).items())),
    )
