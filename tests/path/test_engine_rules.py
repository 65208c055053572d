"""Rules that use everything they may say, applied to the real engine: taken whole, found again, and evaluated."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitors.answers import Project
from monitors.client import SentryClient
from monitors.load import load_rules
from monitors.plan import apply_plan, make_plan
from monitors.provision import ensure_app, ensure_project
from tests.path.engine import Receiver, Start, await_true, error, receiving, starting

RULES = """\
monitors:
  - name: Traffic halves
    aggregate: count()
    dataset: spans
    query: is_transaction:true transaction:/api/* span.duration:>=2s
    window: 10m
    environment: production
    compared_to: 1d
    extrapolation: none
    owner: team:12
    thresholds: {high: "< 50", medium: "< 80", resolve: ">= 80"}
  - name: Kinds of errors
    aggregate: count_unique(error_code)
    dataset: errors
    query: is:unresolved
    window: 5m
    thresholds: {high: "> 5", resolve: "<= 5"}
alerts:
  - name: Storm
    builtin: error
    when: [any_event]
    filters:
      - events: "> 2 in 1h"
    frequency: 1h
    owner: user:7
    notify: [{sentry_app: ops}]
  - name: Fatal
    builtin: error
    when: [new_high_priority_issue, first_seen_event]
    match: any
    filters:
      - level: "= fatal"
      - tag: error_code starts_with ISL_
    frequency: 5m
    notify: [{sentry_app: ops}]
  - name: Traffic halves
    monitors: [Traffic halves, Kinds of errors]
    when: [first_seen_event, existing_high_priority_issue, issue_resolved_trigger]
    frequency: 0m
    notify: [{sentry_app: ops}]
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from receiving()


def test_rules_that_use_everything_are_applied_once_and_page(start: Start, receiver: Receiver, tmp_path: Path) -> None:
    engine = start(60)
    project = engine.project()
    (tmp_path / "all.yml").write_text(RULES)
    rules = load_rules(tmp_path)
    with SentryClient(engine.url, (engine.data_dir / "token").read_text(), "sentry") as client:
        ensure_app(client, "ops", receiver.url)
        there: Project = ensure_project(client, "sentry", project.slug)
        assert len(apply_plan(make_plan(rules, client, there), client)) == 5
        again = make_plan(rules, client, there)
        assert again.is_empty, str(again)

    def told() -> list[str]:
        return [body["data"]["triggered_rule"] for body in receiver.bodies("event_alert")]

    for _ in range(2):
        project.send(("event", error()))
    project.send(("event", error("KeyError", tags={"error_code": "ISL_NEW"})))
    await_true("the alert on the tag", lambda: told() == ["Fatal"])
    project.send(("event", error()))
    await_true("the alert on the third event", lambda: told() == ["Fatal", "Storm"])
