"""How the pages name what happened and who is told."""

from typing import Any

import pytest

from embedded.pages.words import show_action, show_flip, show_outcome
from embedded.records import Outcome
from embedded.store.alerts import RESOLVED


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"type": "sentry_app", "config": {"targetIdentifier": "7"}}, "integration isl-oncall"),
        ({"type": "sentry_app", "config": {"targetIdentifier": 8}}, "integration 8"),  # it was removed
        ({"type": "webhook", "config": {"targetIdentifier": "webhooks"}}, "webhooks of the project"),
        ({"type": "webhook", "config": {"targetIdentifier": "isl-oncall"}}, "integration isl-oncall"),
        ({"type": "slack", "config": {"targetIdentifier": "C1", "targetDisplay": "#isl-alerts"}}, "Slack #isl-alerts"),
        ({"type": "pagerduty", "config": {"targetIdentifier": "77"}}, "PagerDuty 77"),
        ({"type": "email", "config": {"targetType": "team", "targetIdentifier": "1"}}, "e-mail to the team"),
        ({}, "unknown"),
    ],
)
def test_an_action_is_named_by_whom_it_tells(action: dict[str, Any], words: str) -> None:
    assert show_action(action, {"7": "isl-oncall"}) == words


def test_each_outcome_has_words_of_a_person() -> None:
    assert [show_outcome(each) for each in Outcome if "_" in show_outcome(each)] == []
    assert show_outcome("client_discard") == "dropped by the SDK"  # as doctor and reports say


def test_a_flip_is_named_by_what_happened() -> None:
    assert show_flip("first_seen_event", is_metric=True) == "breach"
    assert show_flip("first_seen_event", is_metric=False) == "new issue"
    assert show_flip(RESOLVED, is_metric=True) == "resolved"
    assert show_flip("one_of_tomorrow", is_metric=True) == "one_of_tomorrow"
