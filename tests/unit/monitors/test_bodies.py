"""Request bodies, compared whole with what Sentry documents."""

from dataclasses import replace
from datetime import timedelta

from monitors.actions import Address
from monitors.bodies import detector_body, echo_ids, workflow_body
from monitors.filters import read_filter
from monitors.model import Action, Dataset, Priority, Threshold, Trigger, parse_aggregate
from monitors.remote import RemoteAction, RemoteAlert, RemoteCondition, RemoteFilter
from tests.unit.monitors.rules import NEW_CODE, RATE, RATE_ALERT

OPS = RATE_ALERT.actions[0]


def test_detector_body_of_spans() -> None:
    """The threshold of a failure rate is a fraction, the window is in seconds, and it says when it is over."""
    assert detector_body(RATE) == {
        "name": "Rate",
        "type": "metric_issue",
        "description": "Failures",
        "enabled": True,
        "dataSources": [
            {
                "queryType": 1,
                "dataset": "events_analytics_platform",
                "query": "is_transaction:true !span.status:[not_found, ok]",
                "aggregate": "failure_rate()",
                "timeWindow": 300,
                "environment": "production",
                "eventTypes": ["trace_item_span"],
                "extrapolationMode": "unknown",
            }
        ],
        "config": {"detectionType": "static"},
        "conditionGroup": {
            "logicType": "any",
            "conditions": [
                {"type": "gt", "comparison": 0.05, "conditionResult": 75},
                {"type": "lte", "comparison": 0.05, "conditionResult": 0},
            ],
        },
    }


def test_detector_body_of_errors() -> None:
    thresholds = (
        Threshold("gte", 100.0, Priority.HIGH),
        Threshold("gte", 50.0, Priority.MEDIUM),
        Threshold("lt", 50.0, Priority.RESOLVED),
    )
    count = replace(
        RATE,
        aggregate=parse_aggregate("count()"),
        dataset=Dataset.ERRORS,
        query="",
        window=timedelta(days=1),
        environment=None,
        thresholds=thresholds,
    )
    body = detector_body(count, [7])
    assert body["workflowIds"] == [7]
    assert body["dataSources"] == [
        {
            "queryType": 0,
            "dataset": "events",
            "query": "",
            "aggregate": "count()",
            "timeWindow": 86400,
            "environment": None,
            "eventTypes": ["error", "default"],
            "extrapolationMode": "unknown",
        }
    ]
    assert [tuple(each.values()) for each in body["conditionGroup"]["conditions"]] == [
        ("gte", 100, 75),
        ("gte", 50, 50),
        ("lt", 50, 0),
    ]


def test_detector_body_of_a_percent_change() -> None:
    """Without an owner the key is left out, so that a person's choice stays."""
    change = replace(RATE, compared_to=timedelta(hours=1), extrapolation="none", owner="team:3")
    body = detector_body(change)
    assert body["config"] == {"detectionType": "percent", "comparisonDelta": 3600}
    assert body["dataSources"][0]["extrapolationMode"] == "none"
    assert body["owner"] == "team:3"
    assert "owner" not in detector_body(RATE)


def test_workflow_body_with_filters_on_every_event() -> None:
    filters = (read_filter("events", "> 100 in 1h"), read_filter("level", ">= error"))
    noisy = replace(NEW_CODE, triggers=(Trigger.ANY_EVENT,), filters=filters, logic="any", owner="user:7")
    body = workflow_body(noisy, [9], {OPS: Address("sentry_app", "42")})
    assert body["triggers"]["conditions"] == []
    assert (body["actionFilters"][0]["logicType"], body["owner"]) == ("any-short", "user:7")
    assert body["actionFilters"][0]["conditions"] == [
        {"type": "event_frequency_count", "comparison": {"value": 100, "interval": "1h"}, "conditionResult": True},
        {"type": "level", "comparison": {"level": 40, "match": "gte"}, "conditionResult": True},
    ]


def test_workflow_body() -> None:
    """The frequency is in minutes, the app's id is text, and `enabled` is always there."""
    assert workflow_body(replace(RATE_ALERT, enabled=False), [12, 11], {OPS: Address("sentry_app", "42")}) == {
        "name": "Rate",
        "enabled": False,
        "environment": None,
        "config": {"frequency": 60},
        "detectorIds": [11, 12],
        "triggers": {
            "logicType": "any-short",
            "conditions": [
                {"type": "first_seen_event", "comparison": True, "conditionResult": True},
                {"type": "regression_event", "comparison": True, "conditionResult": True},
                {"type": "issue_resolved_trigger", "comparison": True, "conditionResult": True},
            ],
        },
        "actionFilters": [
            {
                "logicType": "all",
                "conditions": [],
                "actions": [
                    {
                        "type": "sentry_app",
                        "integrationId": None,
                        "data": {},
                        "config": {"targetType": "sentry_app", "targetIdentifier": "42", "targetDisplay": None},
                        "status": "active",
                    }
                ],
            }
        ],
    }


def test_echo_ids_keeps_what_stays_and_makes_what_is_new() -> None:
    level = read_filter("level", ">= error")
    kept = (
        RemoteCondition(30, "level", '{"level": 40, "match": "gte"}'),
        RemoteCondition(31, "latest_release", "true"),
    )
    remote = RemoteAlert(
        id=1,
        name="New code",
        enabled=True,
        environment=None,
        frequency_min=60,
        detector_ids=frozenset({9}),
        owner="team:3",
        triggers_id=2,
        trigger_logic="any-short",
        triggers=(("first_seen_event", 20), ("reappeared_event", 21)),
        filters=(RemoteFilter(4, "all", kept, (RemoteAction(40, "sentry_app", "42"), RemoteAction(41, "email", "1"))),),
    )
    alert = replace(
        NEW_CODE,
        triggers=(Trigger.RESOLVED, Trigger.FIRST_SEEN),
        actions=(Action("sentry_app", "new"), Action("sentry_app", "ops")),
        filters=(read_filter("occurrences", ">= 5"), level),
    )
    body = echo_ids(
        workflow_body(
            alert, [9], {OPS: Address("sentry_app", "42"), Action("sentry_app", "new"): Address("sentry_app", "43")}
        ),
        remote,
    )
    assert (body["id"], body["owner"], body["triggers"]["id"]) == ("1", "team:3", "2")
    assert [each.get("id") for each in body["triggers"]["conditions"]] == [None, "20"]
    (group,) = body["actionFilters"]
    assert group["id"] == "4"
    assert [each.get("id") for each in group["conditions"]] == [None, "30"]
    assert [each.get("id") for each in group["actions"]] == [None, "40"]
