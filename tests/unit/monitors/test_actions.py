"""Whom the rules notify: read from YAML, looked up in a Sentry, sent in its shapes, and recognised when it is there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.client import SentryClient
from monitors.errors import PlanError, RulesError
from monitors.load import load_rules
from monitors.model import Action, RuleSet
from monitors.plan import Plan, apply_plan, make_plan
from monitors.provision import ensure_project
from tests.unit.monitors.fake_sentry import ORGANIZATION, TOKEN, FakeSentry, run_fake
from tests.unit.monitors.rules import NEW_CODE, RATE, RATE_ALERT, RULES

ALERT = """
alerts:
- name: A
  builtin: error
  when: [first_seen_event]
  frequency: 1h
  notify:
"""
ALL = (
    Action("sentry_app", "ops"),
    Action("webhook", "webhooks"),
    Action("email", "team:crew"),
    Action("email", "user:ann@acme.test"),
    Action("email", "issue_owners"),
    Action("slack", "#ops", data=(("tags", "code,region"),)),
    Action("pagerduty", "isl", data=(("priority", "critical"),)),
    Action("discord", "123456789"),
    Action("msteams", "ops", integration="acme teams"),
)


@pytest.fixture
def fake() -> Iterator[FakeSentry]:
    with run_fake() as fake:
        fake.add_app("ops")
        fake.teams = [{"id": "4", "slug": "crew"}]
        fake.members = [{"id": "8", "email": "ann@acme.test", "user": {"id": "80"}}]
        fake.integrations = {
            "slack": [{"id": "1", "name": "acme"}],
            "pagerduty": [{"id": "2", "name": "acme", "services": [{"id": "77", "name": "isl"}]}],
            "discord": [{"id": "3", "name": "acme"}],
            "msteams": [{"id": "5", "name": "other"}, {"id": "6", "name": "acme teams"}],
        }
        yield fake


@pytest.fixture
def client(fake: FakeSentry) -> Iterator[SentryClient]:
    with SentryClient(fake.url, TOKEN, ORGANIZATION, lambda _: None) as client:
        yield client


def plan_of(client: SentryClient, *actions: Action, runbook: str | None = None) -> Plan:
    alerts = tuple(replace(each, actions=actions, runbook=runbook) for each in (RATE_ALERT, NEW_CODE))
    return make_plan(replace(RULES, alerts=alerts), client, ensure_project(client, "crew", "isl"))


def load(tmp_path: Path, *entries: str) -> RuleSet:
    (tmp_path / "rules.yml").write_text(ALERT + "".join(f"  - {each}\n" for each in entries))
    return load_rules(tmp_path)


def test_every_receiver_is_read(tmp_path: Path) -> None:
    rules = load(
        tmp_path,
        "sentry_app: ops",
        "webhook: webhooks",
        "email: team:crew",
        "email: user:ann@acme.test",
        "email: issue_owners",
        "{slack: '#ops', tags: 'code,region'}",
        "{pagerduty: isl, priority: critical}",
        "discord: '123456789'",
        "{msteams: ops, integration: acme teams}",
    )
    assert rules.alerts[0].actions == ALL


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{slack: a, discord: b}", "one receiver per entry"),
        ("{tags: a}", "one receiver per entry"),
        ("slack: https://hooks.slack.test/services/s3cr3t", "an address does not belong into a rule"),
        ("email: ann@acme.test", "allowed is issue_owners, team:<slug> or user:<e-mail address>"),
        ("discord: 123", "discord is a number ('123'), allowed is text"),
        ("{msteams: ops, tags: a}", "tags says nothing to msteams"),
        ("{slack: ops, priority: critical}", "priority says nothing to slack"),
        ("{sentry_app: ops, integration: x}", "integration says nothing to sentry_app"),
        ("{pagerduty: isl, priority: high}", "priority: 'high', allowed are default, critical"),
        ("{slack: ops, channel: ops}", "unknown key 'channel'"),
    ],
)
def test_wrong_receiver_is_named(tmp_path: Path, entry: str, message: str) -> None:
    with pytest.raises(RulesError) as caught:
        load(tmp_path, entry)
    assert [message in problem.message for problem in caught.value.problems] == [True]


def test_apply_makes_every_action_and_the_next_plan_is_empty(fake: FakeSentry, client: SentryClient) -> None:
    """Although Sentry answers with ids of channels that the rules name."""
    apply_plan(plan_of(client, *ALL, runbook="http://wiki.test/x"), client)
    made = {
        (each["type"], each["config"]["targetIdentifier"]): each
        for each in fake.workflows[0]["actionFilters"][0]["actions"]
    }
    assert len(made) == len(ALL)
    assert made["email", "4"]["config"]["targetType"] == "team"
    assert made["email", "80"]["config"]["targetType"] == "user"
    assert made["email", ""]["data"] == {"fallthroughType": "ActiveMembers"}
    assert made["slack", "C-ops"]["data"] == {"tags": "code,region", "notes": "Runbook: http://wiki.test/x"}
    assert (made["slack", "C-ops"]["integrationId"], made["msteams", "C-ops"]["integrationId"]) == ("1", "6")
    assert made["pagerduty", "77"]["data"] == {"priority": "critical"}
    assert made["webhook", "webhooks"]["config"] == {"targetIdentifier": "webhooks"}
    assert plan_of(client, *ALL, runbook="http://wiki.test/x").is_empty


def test_changed_action_keeps_the_ids_of_the_others(fake: FakeSentry, client: SentryClient) -> None:
    apply_plan(plan_of(client, *ALL), client)
    before = {each["type"]: each["id"] for each in fake.workflows[0]["actionFilters"][0]["actions"]}
    urgent = replace(ALL[6], data=(("priority", "warning"),))
    plan = plan_of(client, *ALL[:6], urgent, *ALL[7:])
    assert "priority=critical" in str(plan)
    apply_plan(plan, client)
    after = {each["type"]: each["id"] for each in fake.workflows[0]["actionFilters"][0]["actions"]}
    assert before == after


def test_runbook_is_written_into_the_description_of_its_monitor(fake: FakeSentry, client: SentryClient) -> None:
    apply_plan(plan_of(client, ALL[0], runbook="http://wiki.test/x"), client)
    [monitor] = [each for each in fake.detectors if each["name"] == RATE.name]
    assert monitor["description"] == "Failures\nRunbook: http://wiki.test/x"
    assert plan_of(client, ALL[0], runbook="http://wiki.test/x").is_empty


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Action("slack", "ops", "other"), "slack 'ops': no integration named 'other', there is 'acme'"),
        (
            Action("msteams", "ops"),
            "msteams 'ops': no integration to choose without `integration: <name>`, there is 'other', 'acme teams'",
        ),
        (Action("pagerduty", "other"), "pagerduty service 'other': acme has 'isl'"),
        (Action("email", "team:other"), "email team 'other': there is 'crew'"),
        (Action("email", "user:bob@acme.test"), "email user 'bob@acme.test': there is 'ann@acme.test'"),
    ],
)
def test_who_is_not_there_is_named_with_who_is(client: SentryClient, action: Action, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan_of(client, action)
    assert str(caught.value) == f"rules.yml:1: {message}"
