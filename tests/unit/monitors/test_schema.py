"""The editor's schema and the loader say the same of the same file, as far as the schema sees."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from monitors.load import ALERT_KEYS, MONITOR_KEYS, RULES_DIRECTORY, RulesError, load_rules
from monitors.schema import rules_schema
from tests.path.test_engine_rules import RULES
from tests.unit.monitors.test_load import FULL, GOOD, OWN

SCHEMA = Draft202012Validator(rules_schema())


def _refusals(text: str) -> list[str]:
    return [error.json_path for error in SCHEMA.iter_errors(yaml.safe_load(text))]


def _is_loaded(folder: Path, text: str) -> bool:
    (folder / "rules.yml").write_text(text)
    try:
        load_rules(folder)
    except RulesError:
        return False
    return True


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(rules_schema())


def test_schema_has_every_key_of_the_loader() -> None:
    properties = rules_schema()["properties"]
    keys: Any = {name: tuple(part["items"]["properties"]) for name, part in properties.items() if "items" in part}
    assert keys == {"monitors": MONITOR_KEYS, "alerts": ALERT_KEYS}


SHIPPED = [path for path in RULES_DIRECTORY.glob("*.yml") if not path.name.endswith(".test.yml")]


@pytest.mark.parametrize("text", [GOOD, FULL, OWN, RULES, *(path.read_text() for path in SHIPPED)])
def test_schema_takes_what_the_loader_takes(tmp_path: Path, text: str) -> None:
    assert _is_loaded(tmp_path, text)
    assert _refusals(text) == []


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("aggregate: count()", "aggregate: count", "$.monitors[0].aggregate"),
        ("aggregate: count()", "aggregate: p95()", "$.monitors[0].aggregate"),
        ("dataset: spans", "dataset: span", "$.monitors[0].dataset"),
        ("window: 10m", "window: ten minutes", "$.monitors[0].window"),
        ("compared_to: 1d", "compared: 1d", "$.monitors[0]"),
        ("extrapolation: none", "extrapolation: most", "$.monitors[0].extrapolation"),
        ("owner: team:12", "owner: them", "$.monitors[0].owner"),
        ('high: "< 50", ', "", "$.monitors[0].thresholds"),
        ('"< 50"', '"50 %"', "$.monitors[0].thresholds.high"),
        ("[any_event]", "[whenever]", "$.alerts[0].when[0]"),
        ("builtin: error", "enabled: true", "$.alerts[0]"),
        ("match: any", "match: some", "$.alerts[0].match"),
        ('- events: "> 100 in 1h"', '- events: "100"', "$.alerts[0].filters[0].events"),
        ("- level:", "- loudness:", "$.alerts[0].filters[1]"),
        ("{sentry_app: ops}", "{pigeon: ops}", "$.alerts[0].notify[0]"),
        ("{sentry_app: ops}", "{slack: ops, msteams: ops}", "$.alerts[0].notify[0]"),
        ("{sentry_app: ops}", "{pagerduty: isl, priority: urgent}", "$.alerts[0].notify[0].priority"),
        ("{sentry_app: ops}", "{slack: 5}", "$.alerts[0].notify[0].slack"),
        ("frequency: 1h", "frequency: often", "$.alerts[0].frequency"),
    ],
)
def test_what_the_schema_refuses_the_loader_refuses_too(tmp_path: Path, before: str, after: str, where: str) -> None:
    assert before in FULL
    text = FULL.replace(before, after)
    assert where in _refusals(text)
    assert not _is_loaded(tmp_path, text)
