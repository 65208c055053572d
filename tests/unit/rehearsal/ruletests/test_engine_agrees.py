"""A simulated case against the engine itself: its store, its ticks, its notifier, minute by minute."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from embedded.alerting import tick
from embedded.channels.message import metric_action
from embedded.notification import Setting
from embedded.notify import Notifier
from embedded.store.database import Database
from embedded.store.issues import set_status
from embedded.store.monitors import connect, list_detectors, save_workflow
from monitors.actions import Address
from monitors.bodies import detector_body, workflow_body
from monitors.load import load_rules
from monitors.model import Alert, Dataset, RuleSet
from rehearsal.ruletests.files import Case, load_cases
from rehearsal.ruletests.simulate import simulate
from rehearsal.ruletests.world import MINUTE, START, Group, World
from tests.unit.embedded.fakes import FakeChannel, add_monitor, error, opened, store, transaction
from tests.unit.rehearsal.ruletests.folders import RULES, write

# Whole numbers of requests in every minute, for the engine has no fractions of one.
CASES: Final = """\
  - name: failures in steps, over to medium, to high, back, and again within the damping
    requests:
      - {rate: 10/m, status: "ok for 8m, 40% aborted for 4m, 90% aborted for 5m, ok for 7m, 100% aborted for 6m, ok"}
      - {rate: "10/m for 30m, gap for 10m, 10/m", latency: 200ms with 10% 3s}
    expect: [{at: 50m, pages: []}]
  - name: errors, new and resolved and more than ten in ten minutes
    errors:
      - {issue: First, rate: "1/m for 5m, gap for 30m, 2/m", level: error}
      - {issue: Second, rate: "gap for 3m, 1/m for 2m, gap for 30m, 1/m", level: warning}
    resolve: {First: 20m}
    expect: [{at: 70m, pages: []}]
  - name: a breach, archived, comes back
    requests: [{rate: 10/m, status: "ok for 5m, 100% aborted for 3m, ok for 20m, 100% aborted for 3m, ok"}]
    archive: {Rate: 20m}
    expect: [{at: 45m, pages: []}]
"""


class Engine:
    """The embedded engine's parts on a manual clock, holding the rules as `apply` would put them."""

    def __init__(self, database: Database, rules: RuleSet) -> None:
        self.database, self.channel, self.number = database, FakeChannel(), 0
        self.notifier = Notifier(database, {"sentry_app": self.channel}, Setting("http://engine", 1, is_drill=False))
        ids = {each.name: self._add(detector_body(each)) for each in rules.monitors}
        default = next(each.id for each in list_detectors(database.read(), project_id=1) if each.type == "error")
        for alert in rules.alerts:
            self._connect(alert, [ids[name] for name in alert.monitors] + ([default] if alert.builtin else []))

    def play(self, case: Case) -> list[str]:
        """Return every page as text with its minute."""
        last = case.expected[-1].minute
        world, pages = World(case, last), []
        for minute in range(1, last + 1):
            self._do_deeds(case, minute)
            for dataset in Dataset:
                [number] = world.window(dataset, minute - 1, minute)
                for group in world.groups(number):
                    self._store(group, minute)
            tick(self.database, START + minute * MINUTE, 1)
            self.channel.sent.clear()
            asyncio.run(self.notifier.deliver(START + minute * MINUTE))
            for each in self.channel.sent:
                is_metric = each.detector.type == "metric_issue"
                says = metric_action(each.kind, each.level) if is_metric else "triggered"
                pages.append(f"{minute} {says} {each.workflow_name}")
        return pages

    def _store(self, group: Group, minute: int) -> None:
        assert group.count == int(group.count)
        at = (START + minute * MINUTE - MINUTE / 2).isoformat()
        fields, kind = dict(group.fields), "event" if group.duration_ms is None else "transaction"
        for _ in range(int(group.count)):
            self.number += 1
            if group.duration_ms is None:
                payload = error(self.number, fields["title"], timestamp=at, level=fields["level"])
            else:
                began = START + minute * MINUTE - MINUTE / 2 - timedelta(milliseconds=group.duration_ms)
                trace = transaction()["contexts"]["trace"] | {"status": group.status}
                times = {"start_timestamp": began.isoformat(), "timestamp": at}
                payload = transaction(self.number, contexts={"trace": trace}, **times)
            store(self.database, (kind, payload), at=START + minute * MINUTE)

    def _do_deeds(self, case: Case, minute: int) -> None:
        deeds = [("ignored", case.archived), ("resolved", case.resolved)]
        for status, names in deeds:
            for name in (name for name, when in names.items() if when == minute):
                [(issue,)] = self.database.read().execute("SELECT id FROM issue WHERE title LIKE ?", (f"{name}%",))
                self.database.write(partial(set_status, issue_id=issue, status=status))

    def _add(self, body: dict[str, Any]) -> int:
        snuba = body["dataSources"][0]
        limits = body["conditionGroup"]["conditions"]
        ident = add_monitor(
            self.database,
            now=START,
            aggregate=snuba["aggregate"],
            window=timedelta(seconds=snuba["timeWindow"]),
            conditions=tuple((each["type"], each["comparison"], each["conditionResult"]) for each in limits),
            query=snuba["query"],
            dataset=snuba["dataset"],
        )
        name = (body["name"], ident)
        self.database.write(lambda connection: connection.execute("UPDATE detector SET name = ? WHERE id = ?", name))
        return ident

    def _connect(self, alert: Alert, detector_ids: list[int]) -> None:
        body = workflow_body(alert, detector_ids, dict.fromkeys(alert.actions, Address("sentry_app", "1")))
        groups = [
            group | {"actions": [each | {"id": alert.name} for each in group["actions"]]}
            for group in body["actionFilters"]
        ]

        def job(connection: Any) -> None:
            saved = save_workflow(
                connection, None, alert.name, None, body["config"], body["triggers"], groups, enabled=True, now=START
            )
            connect(connection, [(saved, ident) for ident in detector_ids])

        self.database.write(job)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


@pytest.mark.parametrize("number", range(3))
def test_engine_pages_at_the_same_minutes(tmp_path: Path, database: Database, number: int) -> None:
    rules = load_rules(write(tmp_path, CASES, RULES))
    case = load_cases(tmp_path, rules)[number]
    simulated = [f"{each.minute} {each.page}" for each in simulate(rules, case).sent]
    assert len(simulated) >= 3
    assert sorted(Engine(database, rules).play(case)) == sorted(simulated)
