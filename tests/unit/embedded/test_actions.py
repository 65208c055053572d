"""Which actions the web API takes: those that Sentry would take, of the kinds that have a channel here."""

from typing import Any

import pytest
from pydantic import ValidationError

from embedded.api.actions import Action

SPECIFIC = {"targetType": "specific", "targetIdentifier": "", "targetDisplay": "ops"}
TAKEN: dict[str, dict[str, Any]] = {
    "sentry_app": {"config": {"targetType": "sentry_app", "targetIdentifier": "1", "targetDisplay": None}},
    "webhook": {"config": {"targetIdentifier": "webhooks"}},
    "email": {"config": {"targetType": "user", "targetIdentifier": "56789", "targetDisplay": None}},
    "slack": {"config": SPECIFIC, "integrationId": "1", "data": {"tags": "code", "notes": "@here"}},
    "pagerduty": {
        "config": SPECIFIC | {"targetIdentifier": "123"},
        "integrationId": "2",
        "data": {"priority": "default"},
    },
    "discord": {"config": SPECIFIC | {"targetIdentifier": "12"}, "integrationId": 3, "data": {"tags": "a,b"}},
    "msteams": {"config": SPECIFIC | {"targetIdentifier": "19:x@thread.skype"}, "integrationId": "4"},
}
OWNERS = {"config": {"targetType": "issue_owners", "targetIdentifier": ""}, "data": {"fallthroughType": "NoOne"}}


@pytest.mark.parametrize("kind", TAKEN)
def test_every_kind_is_taken_in_the_shape_of_sentrys_schema(kind: str) -> None:
    assert Action.model_validate({"type": kind, "status": "active", **TAKEN[kind]}).type == kind


def test_snake_case_is_read_and_kept_as_camel_case() -> None:
    action = Action.model_validate({"type": "webhook", "config": {"target_identifier": "webhooks"}})
    assert action.config == {"targetIdentifier": "webhooks"}


def test_issue_owners_are_named_by_nothing() -> None:
    assert Action.model_validate({"type": "email", **OWNERS}).target == ""


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("opsgenie", {}, "Input should be"),
        ("sentry_app", {"config": {}}, "targetType of sentry_app: allowed is sentry_app"),
        (
            "sentry_app",
            {"config": {"targetType": "sentry_app", "targetIdentifier": "slug"}},
            "numeric targetIdentifier",
        ),
        ("sentry_app", {"integrationId": "1"}, "Integration ID is not allowed for action type sentry_app"),
        ("sentry_app", {"data": {"settings": [{"a": 1}]}}, "the list is empty"),
        ("webhook", {"config": {}}, "needs a targetIdentifier"),
        ("webhook", {"config": {"targetIdentifier": "webhooks", "targetDisplay": "x"}}, "no targetDisplay"),
        ("webhook", {"integrationId": "1"}, "Integration ID is not allowed"),
        ("webhook", {"data": {"tags": "x"}}, "data of webhook: tags not allowed"),
        ("slack", {"integrationId": None}, "Integration ID is required for action type slack"),
        ("slack", {"config": {"targetType": "specific"}}, "needs a targetIdentifier or a targetDisplay"),
        ("slack", {"config": SPECIFIC | {"channel": "x"}}, "Additional properties are not allowed: channel"),
        ("slack", {"data": {"tags": 5}}, "tags: write a text"),
        ("pagerduty", {"data": {"priority": "urgent"}}, "priority: allowed are default, critical"),
        ("msteams", {"data": {"tags": "x"}}, "not allowed"),
        ("email", {"config": {"targetType": "specific", "targetIdentifier": "1"}}, "allowed is user or team or issue"),
        ("email", {"config": {"targetType": "user", "targetIdentifier": ""}}, "names a user or a team by its id"),
        ("email", {"config": {"targetType": "issue_owners", "targetIdentifier": "1"}}, "issue owners by none"),
        ("email", {"data": {"fallthroughType": "Everyone"}}, "fallthroughType: allowed are ActiveMembers"),
    ],
)
def test_what_sentry_refuses_is_refused(kind: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Action.model_validate({"type": kind, **TAKEN.get(kind, {}), **changes})
    assert message in str(caught.value)
