"""The exported Terraform file, read back by a parser that is not ours: whole, and in the provider's own words."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import hcl2
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from monitors.bodies import detector_body, workflow_body
from monitors.hcl import Block, label_of, quote, write_hcl
from monitors.load import RULES_DIRECTORY, load_rules
from monitors.model import RuleSet
from monitors.plan import with_runbooks
from monitors.terraform import export_hcl
from monitors.terraform_receivers import NOBODY
from rehearsal.cli import cli
from tests.path.test_engine_rules import RULES as EVERYTHING
from tests.unit.monitors.rules import RATE, RATE_ALERT

# Source: the provider's docs/resources at ed580326, read 2026-11.
REQUIRED_OF_MONITOR: Final = {
    *("aggregate", "condition_group", "dataset", "event_types", "issue_detection", "name", "organization", "project"),
}
MONITOR: Final = REQUIRED_OF_MONITOR | {
    *("description", "enabled", "environment", "extrapolation_mode", "owner", "query", "query_type"),
    "time_window_seconds",
}
REQUIRED_OF_ALERT: Final = {"action_filters", "frequency_minutes", "monitor_ids", "name", "organization"}
ALERT: Final = REQUIRED_OF_ALERT | {"enabled", "environment", "legacy_trigger_conditions", "trigger_conditions"}
CONDITIONS: Final = {
    "age_comparison": {"comparison_type", "time", "value"},
    "event_attribute": {"attribute", "match", "value"},
    "event_frequency_count": {"interval", "value"},
    "event_unique_user_frequency_count": {"interval", "value"},
    "issue_category": {"value"},
    "issue_occurrences": {"value"},
    "issue_priority_greater_or_equal": {"comparison"},
    "latest_release": set[str](),
    "level": {"level", "match"},
    "tagged_event": {"key", "match", "value"},
}
INTERVALS: Final = {"1m", "5m", "15m", "1h", "1d", "1w", "30d"}
TRIGGERS: Final = {"first_seen_event", "issue_resolved_trigger", "reappeared_event", "regression_event"}
FILTERED = """\
alerts:
  - name: Filtered
    builtin: error
    when: [first_seen_event, new_high_priority_issue]
    match: none
    filters:
      - level: ">= error"
      - tag: error_code equals ISL_X
      - tag: error_code is_set
      - attribute: exception.type starts_with Value
      - occurrences: ">= 10"
      - events: "> 100 in 1min"
      - users: "> 10 in 15min"
      - age: older 10m
      - category: error
      - priority: ">= medium"
      - latest_release: true
    frequency: 0m
    owner: team:7
    runbook: https://example.com/runbook
    notify: [{sentry_app: ops}]
"""


def plain(value: Any) -> Any:
    """Undo what the parser leaves of HCL: the quotes of text and keys, its escapes, its own marks."""
    if isinstance(value, str) and value.startswith('"'):
        text = value[1:-1].replace("$${", "${").replace("%%{", "%{")
        return re.sub(r"\\(u[0-9a-f]{4}|U[0-9a-f]{8}|.)", _unescaped, text)
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items() if key != "__is_block__"}
    return [plain(each) for each in value] if isinstance(value, list) else value


def _unescaped(match: "re.Match[str]") -> str:
    found = match[1]
    return chr(int(found[1:], 16)) if len(found) > 1 else {"n": "\n", "r": "\r", "t": "\t"}.get(found, found)


def parsed(rules: RuleSet) -> dict[str, dict[str, Any]]:
    """Resources and data by address, without `data.`: type.label."""
    file = plain(hcl2.loads(export_hcl(rules)))
    blocks = [*file["resource"], *file.get("data", [])]
    return {
        f"{kind}.{label}": body for block in blocks for kind, labels in block.items() for label, body in labels.items()
    }


def written(folder: Path, text: str) -> RuleSet:
    (folder / "rules.yml").write_text(text)
    return load_rules(folder)


@pytest.mark.parametrize("text", [None, EVERYTHING, FILTERED], ids=["shipped", "everything", "filters"])
def test_every_attribute_is_one_that_the_provider_has(tmp_path: Path, text: str | None) -> None:
    rules = written(tmp_path, text) if text else load_rules(RULES_DIRECTORY)
    found = parsed(rules)
    monitors = [each for address, each in found.items() if address.startswith("sentry_metric_monitor.")]
    alerts = [each for address, each in found.items() if address.startswith("sentry_alert.")]
    assert (len(monitors), len(alerts)) == (len(rules.monitors), len(rules.alerts))
    for monitor in monitors:
        assert set(monitor) >= REQUIRED_OF_MONITOR
        assert set(monitor) <= MONITOR
    for alert in alerts:
        assert set(alert) >= REQUIRED_OF_ALERT
        assert set(alert) <= ALERT
        assert all(set(each) <= TRIGGERS and len(each) == 1 for each in alert["trigger_conditions"])
        for condition in alert["action_filters"][0]["conditions"]:
            [(kind, fields)] = condition.items()
            assert set(fields) <= CONDITIONS[kind]
            assert fields.get("interval", "1m") in INTERVALS


def test_monitor_says_what_apply_sends(tmp_path: Path) -> None:
    rules = written(tmp_path, EVERYTHING)
    found = parsed(rules)
    for rule, label in zip(rules.monitors, ("traffic_halves", "kinds_of_errors"), strict=True):
        resource, body = found[f"sentry_metric_monitor.{label}"], detector_body(rule)
        source = body["dataSources"][0]
        assert resource["query_type"] == {0: "error", 1: "performance"}[source["queryType"]]
        pairs = {"aggregate": "aggregate", "dataset": "dataset", "query": "query"} | {
            "time_window_seconds": "timeWindow",
            "extrapolation_mode": "extrapolationMode",
        }
        assert {name: resource[name] for name in pairs} == {name: source[key] for name, key in pairs.items()}
        assert resource.get("environment") == source["environment"]
        assert sorted(resource["event_types"]) == sorted(source["eventTypes"])
        limits = [tuple(each.values()) for each in resource["condition_group"]["conditions"]]
        assert limits == [tuple(each.values()) for each in body["conditionGroup"]["conditions"]]
        detection = resource["issue_detection"]
        assert (detection["type"], detection.get("comparison_delta")) == (
            body["config"]["detectionType"],
            body["config"].get("comparisonDelta"),
        )
    assert found["sentry_metric_monitor.traffic_halves"]["owner"] == {"team_id": "12"}


def test_alert_is_connected_by_reference_and_says_what_apply_sends(tmp_path: Path) -> None:
    rules = written(tmp_path, EVERYTHING)
    found = parsed(rules)
    storm, fatal, halves = (found[f"sentry_alert.{label}"] for label in ("storm", "fatal", "traffic_halves"))
    assert halves["monitor_ids"] == [
        "${sentry_metric_monitor.traffic_halves.id}",
        "${sentry_metric_monitor.kinds_of_errors.id}",
    ]
    assert fatal["monitor_ids"] == ["${data.sentry_project_error_monitor.error.id}"]
    assert storm["trigger_conditions"] == []  # every event
    assert (fatal["trigger_conditions"], fatal["legacy_trigger_conditions"]) == (
        [{"first_seen_event": {}}],
        ["new_high_priority_issue"],
    )
    [group] = fatal["action_filters"]
    body = workflow_body(rules.alerts[1], (), dict.fromkeys(rules.alerts[1].actions, NOBODY))
    assert group["logic_type"] == body["actionFilters"][0]["logicType"]
    assert group["actions"] == [
        {"sentry_app": {"sentry_app_id": "${tostring(data.sentry_app_installation.ops.sentry_app_id)}"}}
    ]
    assert found["sentry_app_installation.ops"]["slug"] == '${var.app_slugs["ops"]}'
    assert halves["frequency_minutes"] == 0


def test_filters_are_in_the_providers_words(tmp_path: Path) -> None:
    [group] = parsed(written(tmp_path, FILTERED))["sentry_alert.filtered"]["action_filters"]
    assert (group["logic_type"], group["conditions"]) == (
        "none",
        [
            {"level": {"level": 40, "match": "gte"}},
            {"tagged_event": {"key": "error_code", "match": "eq", "value": "ISL_X"}},
            {"tagged_event": {"key": "error_code", "match": "is"}},
            {"event_attribute": {"attribute": "exception.type", "match": "sw", "value": "Value"}},
            {"issue_occurrences": {"value": 10}},
            {"event_frequency_count": {"interval": "1m", "value": 100}},
            {"event_unique_user_frequency_count": {"interval": "15m", "value": 10}},
            {"age_comparison": {"comparison_type": "older", "time": "minute", "value": 10}},
            {"issue_category": {"value": 1}},
            {"issue_priority_greater_or_equal": {"comparison": 50}},
            {"latest_release": {}},
        ],
    )


def test_what_the_provider_has_no_field_for_is_told(tmp_path: Path) -> None:
    text = export_hcl(written(tmp_path, FILTERED))
    assert "# Owner team:7: the provider has no field for it.\n# Runbook: https://example.com/runbook\nresource" in text


def test_names_that_would_be_one_label_are_two() -> None:
    names = ("Rate: a", "rate_a", "1 Rate", "\u00e9")
    monitors = tuple(replace(RATE, name=name) for name in names)
    found = parsed(RuleSet(monitors, (replace(RATE_ALERT, monitors=("rate_a",)),)))
    labels = ["rate_a", "rate_a_2", "rule_1_rate", "rule"]
    assert [found[f"sentry_metric_monitor.{label}"]["name"] for label in labels] == list(names)
    assert found["sentry_alert.rate"]["monitor_ids"] == ["${sentry_metric_monitor.rate_a_2.id}"]


@given(st.text())
def test_text_is_read_back_as_it_was_and_never_as_a_template(text: str) -> None:
    [block] = hcl2.loads(write_hcl([Block("locals", (), {"text": text})]))["locals"]
    assert plain(block["text"]) == text
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", quote(text).replace("$${", "").replace("%%{", ""))


@given(st.text())
def test_label_is_an_identifier(text: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", label_of(text))


def test_command_prints_the_file() -> None:
    done = CliRunner().invoke(cli, ["monitors", "export", "--hcl"])
    assert (done.exit_code, done.stdout) == (0, export_hcl(load_rules(RULES_DIRECTORY)))
    assert CliRunner().invoke(cli, ["monitors", "export"]).exit_code != 0


RECEIVED = """\
alerts:
  - name: Everyone
    builtin: error
    when: [first_seen_event]
    frequency: 5m
    runbook: https://example.com/runbook
    notify:
      - sentry_app: ops
      - webhook: webhooks
      - email: issue_owners
      - email: team:crew
      - email: user:jo@example.com
      - {slack: "#alerts", integration: Work Space, tags: "environment,level"}
      - slack: "#other"
      - discord: "123"
      - msteams: General
      - {pagerduty: on-call, priority: critical}
      - pagerduty: other
"""


def test_every_receiver_is_exported_with_what_it_looks_up(tmp_path: Path) -> None:
    rules = written(tmp_path, RECEIVED)
    found = parsed(rules)
    [group] = found["sentry_alert.everyone"]["action_filters"]
    integration = "data.sentry_organization_integration"
    notes = "Runbook: https://example.com/runbook"
    assert group["actions"] == [
        {"sentry_app": {"sentry_app_id": "${tostring(data.sentry_app_installation.ops.sentry_app_id)}"}},
        {"webhook": {"service": "webhooks"}},
        {"email": {"target_type": "issue_owners", "fallthrough_type": "ActiveMembers"}},
        {"email": {"target_type": "team", "target_id": "${data.sentry_team.crew.internal_id}"}},
        {
            "email": {
                "target_type": "user",
                "target_id": "${data.sentry_organization_member.jo_example_com.internal_id}",
            }
        },
        {
            "slack": {
                "integration_id": f"${{{integration}.slack_work_space.id}}",
                "channel_name": "#alerts",
                "tags": "environment,level",
                "notes": notes,
            }
        },
        {"slack": {"integration_id": f"${{{integration}.slack.id}}", "channel_name": "#other", "notes": notes}},
        {"discord": {"integration_id": f"${{{integration}.discord.id}}", "channel_id": "123"}},
        {
            "msteams": {
                "integration_id": f"${{{integration}.msteams.id}}",
                "team_id": '${var.msteams_team_ids["General"]}',
                "channel_name": "General",
            }
        },
        {
            "pagerduty": {
                "integration_id": f"${{{integration}.pagerduty.id}}",
                "service_id": '${var.pagerduty_service_ids["on-call"]}',
                "service_name": "on-call",
                "severity": "critical",
            }
        },
        {
            "pagerduty": {
                "integration_id": f"${{{integration}.pagerduty.id}}",
                "service_id": '${var.pagerduty_service_ids["other"]}',
                "service_name": "other",
                "severity": "default",
            }
        },
    ]
    organization = {"organization": "${var.organization}"}
    assert found["sentry_team.crew"] == organization | {"slug": "crew"}
    assert found["sentry_organization_member.jo_example_com"] == organization | {"email": "jo@example.com"}
    named = {"provider_key": "slack", "name": "Work Space"}
    assert found["sentry_organization_integration.slack_work_space"] == organization | named
    unnamed = {"provider_key": "slack", "name": '${var.integration_names["slack"]}'}
    assert found["sentry_organization_integration.slack"] == organization | unnamed


def test_every_reference_has_what_it_refers_to(tmp_path: Path) -> None:
    text = export_hcl(written(tmp_path, RECEIVED))
    file = plain(hcl2.loads(text))
    variables = {name for block in file["variable"] for name in block}
    assert set(re.findall(r"var\.(\w+)", text)) == variables
    data = {f"{kind}.{label}" for block in file["data"] for kind, labels in block.items() for label in labels}
    assert set(re.findall(r"data\.(\w+\.\w+)\.", text)) == data


def test_runbook_is_in_the_description_as_apply_writes_it() -> None:
    alert = replace(RATE_ALERT, runbook="https://example.com/rate")
    [monitor] = with_runbooks(RuleSet((RATE,), (alert,))).monitors
    assert parsed(RuleSet((RATE,), (alert,)))["sentry_metric_monitor.rate"]["description"] == monitor.description
    assert "https://example.com/rate" in str(monitor.description)
