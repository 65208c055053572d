"""What Sentry refuses is refused here, so that a rule that works here works there."""

from copy import deepcopy
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from embedded.api.schemas import ChangedDetector, NewDetector, NewWorkflow
from embedded.api.sentry_apps import ChangedApp, NewApp

SOURCE = {
    "queryType": 1,
    "dataset": "events_analytics_platform",
    "query": "is_transaction:true",
    "aggregate": "failure_rate()",
    "timeWindow": 300,
    "environment": None,
    "eventTypes": ["trace_item_span"],
}
DETECTOR: dict[str, Any] = {
    "name": "failure rate",
    "type": "metric_issue",
    "dataSources": [SOURCE],
    "conditionGroup": {
        "logicType": "any",
        "conditions": [
            {"type": "gt", "comparison": 0.05, "conditionResult": 75},
            {"type": "lte", "comparison": 0.05, "conditionResult": 0},
        ],
    },
    "config": {"detectionType": "static"},
}
ERRORS = {"queryType": 0, "dataset": "events", "aggregate": "count()", "eventTypes": ["error", "default"]}
ACTION = {"type": "sentry_app", "config": {"targetType": "sentry_app", "targetIdentifier": "1"}}
WORKFLOW: dict[str, Any] = {
    "name": "page",
    "triggers": {
        "logicType": "any-short",
        "conditions": [{"type": "first_seen_event", "comparison": True, "conditionResult": True}],
    },
    "actionFilters": [{"logicType": "all", "conditions": [], "actions": [ACTION]}],
}
LEVEL = {"type": "level", "comparison": {"level": 40, "match": "gte"}}
APP = {"name": "sink", "organization": "sentry", "isInternal": True, "webhookUrl": "http://127.0.0.1:1/x"}


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of the body with another value at the dotted path."""
    body = deepcopy(body)
    place: Any = body
    *way, last = path.split(".")
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    return body


def refusal(model: type[BaseModel], body: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("description", "words"),
        ("workflowIds", [1, 2]),
        ("dataSources.0.query", ""),
        ("dataSources.0.timeWindow", 86400),
        ("dataSources.0.environment", "prod"),
        ("dataSources.0", SOURCE | ERRORS | {"timeWindow": 60}),
        ("dataSources.0", SOURCE | ERRORS | {"eventTypes": ["error"]}),
        ("dataSources.0.aggregate", "p95(span.duration)"),
        ("dataSources.0.aggregate", "apdex(span.duration,300)"),
        ("dataSources.0.extrapolationMode", "none"),
        ("dataSources.0", SOURCE | ERRORS | {"aggregate": "count_unique(release)"}),
        ("config", {"detectionType": "percent", "comparisonDelta": 3600}),
        ("conditionGroup.conditions.0.comparison", 5),
        ("conditionGroup.conditions.0.type", "gte"),
    ],
)
def test_detector_takes(path: str, value: object) -> None:
    NewDetector.model_validate(changed(DETECTOR, path, value))


def test_detector_takes_snake_case_too() -> None:
    body = changed(DETECTOR, "name", "x")
    body["data_sources"] = body.pop("dataSources")
    assert NewDetector.model_validate(body).data_sources[0].time_window == 300


RESOLVE = {"type": "lte", "comparison": 0.05, "conditionResult": 0}
FIRE = {"type": "gt", "comparison": 0.05, "conditionResult": 75}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("conditionGroup.conditions", [FIRE], "Resolution condition required for metric issue detector."),
        ("conditionGroup.conditions", [], "at least 1 item"),
        ("conditionGroup.conditions", [FIRE, FIRE, FIRE, RESOLVE], "at most 3 items"),
        ("conditionGroup.conditions.0.conditionResult", 25, "75, 50 or 0"),
        ("conditionGroup.conditions.0.type", "anomaly_detection", "'gt', 'gte', 'lt' or 'lte'"),
        ("conditionGroup.conditions.0.comparison", float("nan"), "finite number"),
        ("conditionGroup.conditions.0.comparison", float("inf"), "finite number"),
        ("conditionGroup.logicType", "all", "'any'"),
        ("dataSources", [], "at least 1 item"),
        ("dataSources", [SOURCE, SOURCE], "at most 1 item"),
        ("dataSources.0.timeWindow", 301, "allowed are"),
        ("dataSources.0.timeWindow", 60, "spans from 300"),
        ("dataSources.0.timeWindow", 0, "allowed are"),
        ("dataSources.0.queryType", 0, "does not fit dataset"),
        ("dataSources.0.queryType", 2, "0 or 1"),
        ("dataSources.0.dataset", "transactions", "'events' or 'events_analytics_platform'"),
        ("dataSources.0.eventTypes", [], "eventTypes"),
        ("dataSources.0.eventTypes", ["error"], "eventTypes"),
        ("dataSources.0.eventTypes", ["trace_item_span", "trace_item_log"], "eventTypes"),
        ("dataSources.0", SOURCE | ERRORS | {"eventTypes": ["trace_item_span"]}, "eventTypes"),
        ("dataSources.0", SOURCE | ERRORS | {"aggregate": "failure_rate()"}, "neither duration nor status"),
        ("dataSources.0.aggregate", "apdex()", "is no aggregate"),
        ("dataSources.0.aggregate", "count_unique(user)", "does not index users"),
        ("dataSources.0.extrapolationMode", "server_weighted", "'unknown', 'none' or 'client_and_server_weighted'"),
        ("dataSources.0.query", "free text", "not supported"),
        ("dataSources.0.query", "release:[*]", "not supported"),
        ("dataSources.0.extra", 1, "Extra inputs"),
        ("config.detectionType", "percent", "comparisonDelta goes with"),
        ("config.detectionType", "dynamic", "'static'"),
        ("config.comparisonDelta", 300, "comparisonDelta goes with"),
        ("config", {"detectionType": "percent", "comparisonDelta": 60}, "300, 900, 3600"),
        ("type", "error", "'metric_issue'"),
        ("name", "", "at least 1 character"),
        ("name", "x" * 201, "at most 200 characters"),
        ("unknown", 1, "Extra inputs"),
    ],
)
def test_detector_refuses(path: str, value: object, message: str) -> None:
    assert message in refusal(NewDetector, changed(DETECTOR, path, value))


def test_detector_needs_its_environment_key() -> None:
    """Null means all, but the key must be there."""
    source = {key: value for key, value in SOURCE.items() if key != "environment"}
    assert "environment" in refusal(NewDetector, changed(DETECTOR, "dataSources.0", source))


def test_changed_detector_takes_nothing_and_refuses_the_same() -> None:
    assert ChangedDetector.model_validate({}).model_fields_set == set()
    group = {"conditionGroup": {"logicType": "any", "conditions": [FIRE]}}
    assert "Resolution condition required" in refusal(ChangedDetector, group)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("name", "", "at least 1 character"),
        ("name", "x" * 257, "at most 256 characters"),
        ("triggers.logicType", "any", "'any-short'"),
        ("triggers.logicType", "all", "'any-short'"),
        ("triggers.conditions.0.type", "every_event", "is no trigger"),
        ("triggers.conditions.0.type", "seer_activity_trigger", "is no trigger"),  # it would never fire here
        ("owner", "me", "should match pattern"),
        ("config", {"frequency": -1}, "greater than or equal to 0"),
        ("config", {"frequency": 10**30}, "less than or equal to"),
        ("config", {"interval": 5}, "Extra inputs"),
        ("actionFilters.0.logicType", "most", "'any', 'any-short', 'all' or 'none'"),
        ("actionFilters.0.conditions", [{"type": "level", "comparison": 5}], "allowed is an object of level, match"),
        ("actionFilters.0.conditions", [{"type": "assigned_to", "comparison": {}}], "is not supported here"),
        ("actionFilters.0.conditions", [{"type": "percent_sessions_count", "comparison": {}}], "is not supported here"),
        ("actionFilters.0.conditions", [LEVEL | {"conditionResult": False}], "True"),
        ("actionFilters.0.actions.0.type", "opsgenie", "'sentry_app', 'webhook'"),
        ("actionFilters.0.actions", [ACTION | {"id": "5"}, ACTION | {"id": 5}], "two actions have the same id"),
        ("unknown", 1, "Extra inputs"),
    ],
)
def test_workflow_refuses(path: str, value: object, message: str) -> None:
    assert message in refusal(NewWorkflow, changed(WORKFLOW, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config", {"frequency": 30}),
        ("owner", "team:12"),
        ("triggers.conditions.0.type", "new_high_priority_issue"),
        ("actionFilters.0.conditions", [LEVEL]),
        ("environment", "prod"),
        ("enabled", False),
        ("triggers.conditions", []),
        ("actionFilters", []),
        ("actionFilters.0.actions.0.data", {"settings": []}),
        ("actionFilters.0.actions.0.integrationId", None),
        ("actionFilters.0.actions.0.config.targetIdentifier", 1),
        ("actionFilters.0.actions.0.config.sentryAppIdentifier", "sentry_app_id"),
        ("actionFilters.0.actions", [ACTION, ACTION]),
    ],
)
def test_workflow_takes(path: str, value: object) -> None:
    NewWorkflow.model_validate(changed(WORKFLOW, path, value))


def test_workflow_on_every_event_refuses_filters_on_single_ones() -> None:
    """It is asked about the newest event of an issue only; with a trigger each event that changes the issue is."""
    body = changed(changed(WORKFLOW, "triggers.conditions", []), "actionFilters.0.conditions", [LEVEL])
    assert "filters on single events (level) need a trigger" in refusal(NewWorkflow, body)
    often = {"type": "event_frequency_count", "comparison": {"value": 5, "interval": "1h"}}
    NewWorkflow.model_validate(changed(body, "actionFilters.0.conditions", [often]))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "https://sink.internal/x", "http://localhost:1", "http://[::1]:8080/"]
)
def test_app_takes_an_address(url: str) -> None:
    assert NewApp.model_validate(APP | {"webhookUrl": url}).webhook_url == url
    assert ChangedApp.model_validate({"webhookUrl": url}).webhook_url == url


@pytest.mark.parametrize(
    "url",
    ["http://sink:8080/x", "ftp://sink.internal", "sink.internal", "", "http://", "http://[::1", "http://a.b:99999"],
)
def test_app_refuses_an_address(url: str) -> None:
    refusal(NewApp, APP | {"webhookUrl": url})
    refusal(ChangedApp, {"webhookUrl": url})
