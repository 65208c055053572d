"""What each channel says: all that is needed at three in the morning, and no text that turns into markup."""

import json
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from embedded.channels import discord, email, legacy_webhook, msteams, pagerduty, slack
from embedded.channels.base import Notification
from embedded.channels.message import compose
from embedded.destinations import Destinations, Mail, Member
from tests.unit.embedded.fakes import notification

RESOLVED = "issue_resolved_trigger"
MAIL = Mail(host="127.0.0.1", sender="sentry@acme.test", security="none")
HOSTILE = "<!channel> @everyone [x](http://evil.test) **b** `c`\r\nBcc: x@evil.test <script>"
SAY: dict[str, Callable[[Notification], Any]] = {
    "slack": lambda told: slack.render(compose(told)),
    "pagerduty": pagerduty.render,
    "discord": lambda told: discord.render(compose(told), told.at.isoformat()),
    "msteams": lambda told: msteams.render(compose(told)),
    "email": lambda told: email.render(told, MAIL, ("on-call@acme.test",)),
    "webhook": legacy_webhook.render,
}
METRIC_SAYS = ("ISL error rate", "0.1234", "> 0.1", "2026-03-04 12:00:00 UTC")
ERROR_SAYS = ("ValueError: it broke", "2 times", "2026-03-04 12:00:00 UTC")
ALWAYS_SAYS = ("prod", "isl@1.2.3", "http://engine.test/issues/3/", "http://wiki.test/isl", "page the on-call")


def said(channel: str, told: Notification) -> str:
    """All texts of the message, without the escapes of its markup."""
    made = SAY[channel](told)
    if isinstance(made, EmailMessage):
        return f"{made['Subject']}\n{made.get_content()}"
    return json.dumps(made).replace("\\\\", "").replace("&gt;", ">")


@pytest.mark.parametrize("channel", SAY)
@pytest.mark.parametrize(("is_metric", "expected"), [(True, METRIC_SAYS), (False, ERROR_SAYS)])
def test_every_channel_says_all_that_is_needed(channel: str, is_metric: bool, expected: tuple[str, ...]) -> None:
    text = said(channel, notification(is_metric=is_metric))
    assert [each for each in (*expected, *ALWAYS_SAYS) if each not in text] == []
    assert "[DRILL]" not in text
    assert "[DRILL]" in said(channel, notification(is_metric=is_metric, is_drill=True))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "first_seen_event"}, "Critical: ISL error rate"),
        ({"kind": "regression_event", "level": 50}, "Warning: ISL error rate"),
        ({"kind": RESOLVED, "level": 0}, "Resolved: ISL error rate"),
        ({"is_metric": False}, "New issue: ValueError: it broke"),
        ({"is_metric": False, "kind": "regression_event"}, "Regression: ValueError: it broke"),
        ({"is_metric": False, "kind": "captured"}, "Seen again: ValueError: it broke"),
    ],
)
def test_title_says_what_happened_to_what(changes: dict[str, Any], expected: str) -> None:
    assert compose(notification(**changes)).title == expected


def test_slack_is_block_kit_and_mentions_nobody() -> None:
    body = SAY["slack"](hostile())
    [attachment] = body["attachments"]
    kinds = [block["type"] for block in attachment["blocks"]]
    assert (kinds[0], kinds[-1]) == ("header", "actions")
    assert "<!channel>" not in texts_of(attachment["blocks"], "mrkdwn")
    assert "<!channel>" not in body["text"]
    assert [each["text"]["text"] for each in attachment["blocks"][-1]["elements"]] == ["Open the issue", "Runbook"]
    assert all(len(block.get("fields", [])) <= 10 for block in attachment["blocks"])


def test_slack_shows_notes_and_wanted_tags() -> None:
    action = {"type": "slack", "config": {}, "data": {"tags": "code, absent", "notes": "ask <@U1>"}}
    told = notification(is_metric=False, action=action)
    body = json.dumps(slack.render(compose(told), action["data"]["notes"]))  # type: ignore[index]
    assert "*code*" in body
    assert "*user*" not in body
    assert "ask &lt;@U1&gt;" in body


def test_pagerduty_resolves_the_incident_that_it_triggered() -> None:
    alarm, over = pagerduty.render(notification()), pagerduty.render(notification(kind=RESOLVED, level=0))
    assert (alarm["event_action"], over["event_action"]) == ("trigger", "resolve")
    assert alarm["dedup_key"] == over["dedup_key"]
    assert len(alarm["dedup_key"]) <= 255
    elsewhere = notification(issue_url="http://other.test/issues/3/")
    assert pagerduty.dedup_key(elsewhere) != alarm["dedup_key"]


@pytest.mark.parametrize(
    ("changes", "priority", "expected"),
    [
        ({}, None, "critical"),
        ({"level": 50}, "default", "warning"),
        ({}, "info", "info"),
        ({"is_metric": False}, "default", "critical"),  # its event is fatal
    ],
)
def test_pagerduty_takes_severity_from_action_or_issue(
    changes: dict[str, Any], priority: str | None, expected: str
) -> None:
    action = {"type": "pagerduty", "config": {}, "data": {"priority": priority} if priority else {}}
    assert pagerduty.render(notification(action=action, **changes))["payload"]["severity"] == expected


def test_discord_mentions_nobody_and_keeps_its_limits() -> None:
    body = SAY["discord"](hostile("x" * 9000))
    assert body["allowed_mentions"] == {"parse": []}
    [embed] = body["embeds"]
    length = len(embed["title"]) + len(embed["description"]) + sum(len(f["name"] + f["value"]) for f in embed["fields"])
    assert length <= 6000
    assert len(embed["title"]) <= 256
    assert "\\[x\\]" in SAY["discord"](hostile())["embeds"][0]["title"]


def test_teams_is_an_adaptive_card_of_less_than_28_kilobytes() -> None:
    body = SAY["msteams"](hostile("x" * 90_000))
    [attachment] = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert len(json.dumps(body)) < 28 * 1024
    assert "[x](http" not in json.dumps(SAY["msteams"](hostile())["attachments"])


def test_mail_has_no_header_that_a_text_made_and_threads_by_issue() -> None:
    mail = SAY["email"](hostile())
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]
    assert mail["Message-ID"] == "<20260304120000-1@acme.test>"
    assert mail["References"] == "<issue-3-isl-3@acme.test>"
    assert mail["To"] == "on-call@acme.test"


@pytest.mark.parametrize(
    ("config", "data", "expected"),
    [
        ({"targetType": "user", "targetIdentifier": "2"}, {}, ("bob@acme.test",)),
        ({"targetType": "user", "targetIdentifier": 2}, {}, ("bob@acme.test",)),
        ({"targetType": "user", "targetIdentifier": "9"}, {}, ()),
        ({"targetType": "team", "targetIdentifier": "1"}, {}, ("ann@acme.test", "bob@acme.test")),
        ({"targetType": "issue_owners"}, {}, ("ann@acme.test", "bob@acme.test")),
        ({"targetType": "issue_owners"}, {"fallthroughType": "ActiveMembers"}, ("ann@acme.test", "bob@acme.test")),
        ({"targetType": "issue_owners"}, {"fallthroughType": "NoOne"}, ()),
    ],
)
def test_mail_goes_to_whom_the_action_means(
    config: dict[str, Any], data: dict[str, Any], expected: tuple[str, ...]
) -> None:
    people = (Member(id=1, name="Ann", email="ann@acme.test"), Member(id=2, name="Bob", email="bob@acme.test"))
    found = email.recipients({"config": config, "data": data}, Destinations(mail=MAIL, members=people))
    assert found == expected


def hostile(text: str = HOSTILE) -> Notification:
    """An error whose text is written by a stranger."""
    issue = replace(notification(is_metric=False).issue, title=text, culprit=text)
    return notification(is_metric=False, issue=issue, release=text)


def texts_of(blocks: Any, kind: str) -> str:
    """The texts of this type, wherever they are."""
    if isinstance(blocks, list):
        return " ".join(texts_of(each, kind) for each in blocks)
    if isinstance(blocks, dict):
        own = blocks.get("text", "") if blocks.get("type") == kind else ""
        return f"{own if isinstance(own, str) else ''} {texts_of(list(blocks.values()), kind)}"
    return ""
