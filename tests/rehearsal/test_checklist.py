"""The checklist and the doctor against a real engine and sink: all ticked where all is well, and each box empty for its
own reason where it is not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from monitors.client import SentryClient
from monitors.model import RuleSet
from rehearsal.checklist import Target, is_likely, tick
from rehearsal.checks import Check, State
from rehearsal.cli import cli
from rehearsal.disturbance import How
from rehearsal.doctor import examine_project
from rehearsal.provisioning import ORGANIZATION
from rehearsal.settings import Options
from rehearsal.stack import Stack
from service.settings import load_settings
from tests.unit.rehearsal.samples import RULES

pytestmark = pytest.mark.rehearsal
PROJECT = "isl"
PATIENCE = timedelta(seconds=10)
IMPATIENCE = timedelta(seconds=1)  # for what must not come


@dataclass
class Site:
    """An engine and a sink with the rules applied, and the variables that lead there."""

    stack: Stack
    client: SentryClient

    @property
    def environ(self) -> dict[str, str]:
        return {
            "SENTRY_ENABLED": "true",
            "SENTRY_DSN": self.stack.dsn,
            "SENTRY_ENVIRONMENT": "staging",
            "SENTRY_TRACES_SAMPLE_RATE": "0.5",
            "ISL_GIT_SHA": "0123456789abcdef",
        }

    def target(self, **environ: str) -> Target:
        settings = load_settings(self.environ | environ)
        return Target(settings, self.client, PROJECT, RULES, self.stack.pages, PATIENCE)

    def call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"authorization": f"Bearer {self.stack.engine.token}"}
        answer = httpx.request(method, f"{self.stack.urls['sentry']}/api/0{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    stack = Stack(Options(speed=60.0), tmp_path / "run", is_switched=True)
    try:
        stack.start_engine()
        stack.start_sink()
        stack.provision(RULES)
        with stack.client() as client:
            yield Site(stack, client)
    finally:
        stack.stop()


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.what: check for check in checks}


def wrong(target: Target) -> dict[str, str]:
    return {check.what: check.detail for check in tick(target) if check.state is not State.OK}


def test_every_box_is_ticked_where_all_is_well(site: Site) -> None:
    found = by_name(tick(site.target()))
    assert {name: check.detail for name, check in found.items() if check.state is not State.OK} == {}
    assert list(found) == [
        "project", "DSN", "environment", "alert rules", "page", "test error", "traces", "release", "cost"
    ]  # fmt: skip
    assert found["page"].detail == "on isl-oncall, by ISL new error code"
    assert "isl@0.1.0+0123456789ab" in found["release"].detail


def test_nothing_is_lost_to_a_slow_sentry(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it has to wait in the queue of the SDK, which by default holds 100."""
    monkeypatch.setattr("rehearsal.checklist.TRACES", 150)
    site.stack.switch_engine(How.SLOW)
    soon = Timer(1.0, site.stack.switch_engine, (None,))
    soon.start()
    try:
        assert wrong(site.target(SENTRY_TRACES_SAMPLE_RATE="1")) == {}
    finally:
        soon.join()


def test_boxes_that_settings_leave_empty(site: Site) -> None:
    said = wrong(site.target(SENTRY_ENVIRONMENT="development", SENTRY_TRACES_SAMPLE_RATE="0"))
    assert set(said) == {"environment", "traces"}
    assert "set SENTRY_ENVIRONMENT to staging or production" in said["environment"]


def test_a_dsn_of_another_project_is_told(site: Site) -> None:
    other = site.client.create_project("sentry", "other")
    dsn = site.client.project_keys(other.slug)[0].dsn
    said = wrong(replace(site.target(SENTRY_DSN=dsn), patience=IMPATIENCE))
    assert said["DSN"].startswith("SENTRY_DSN is not of this project")
    assert {"test error", "page", "traces"} <= set(said)


def test_rules_that_are_not_applied_and_pages_that_do_not_come_are_told(site: Site) -> None:
    [alert] = [each for each in site.call("GET", "/organizations/sentry/workflows/") if "new error" in each["name"]]
    site.call("DELETE", f"/organizations/sentry/workflows/{alert['id']}/")
    said = wrong(replace(site.target(), patience=IMPATIENCE))
    assert set(said) == {"alert rules", "page"}
    assert "create alert 'ISL new error code'" in said["alert rules"]
    assert "does an alert act on new issues" in said["page"]


def test_without_a_sink_a_person_is_asked_to_look(site: Site) -> None:
    found = by_name(tick(replace(site.target(), pages=None)))
    assert found["page"].state is State.SKIPPED
    assert "look whether a page that names req_" in found["page"].detail


def test_no_project_and_no_rules_are_told(site: Site) -> None:
    [only] = tick(replace(site.target(), project="nope"))
    assert (only.state, only.detail) == (State.WRONG, "none named 'nope' in organisation 'sentry': create it")
    assert "the rules have no alert" in wrong(replace(site.target(), rules=RuleSet((), ())))["alert rules"]


@pytest.mark.parametrize(
    ("hits", "rate", "is_expected"),
    [(100, 1.0, True), (99, 1.0, False), (50, 0.5, True), (10, 0.1, True), (0, 0.1, True), (0, 0.2, False)],
)
def test_a_rate_is_judged_by_chance(hits: int, rate: float, is_expected: bool) -> None:
    assert is_likely(hits, 100, rate) is is_expected


def command(site: Site, name: str, *arguments: str, **environ: str) -> Result:
    api = {"SENTRY_URL": site.stack.urls["sentry"], "SENTRY_AUTH_TOKEN": site.stack.engine.token}
    api |= {"SENTRY_ORG": ORGANIZATION, "SENTRY_PROJECT": PROJECT}
    return CliRunner().invoke(cli, [name, *arguments], env=site.environ | api | environ)


def test_the_commands_print_lists_and_end_with_their_codes(site: Site) -> None:
    ticked = command(site, "checklist", "--pages", str(site.stack.pages), "--wait", "10")
    assert ticked.exit_code == 0, ticked.output
    assert all(line.startswith("[x]") for line in ticked.output.splitlines())
    done = command(site, "checklist", "--wait", "1", "--json", SENTRY_ENVIRONMENT="development")
    assert done.exit_code == 1, done.output
    states = {check["what"]: check["state"] for check in json.loads(done.output)}
    assert (states["environment"], states["page"], states["test error"]) == ("wrong", "skipped", "ok")
    doctor = command(site, "doctor", "--json")
    assert doctor.exit_code == 0, doctor.output
    assert {check["state"] for check in json.loads(doctor.output)} == {"ok"}


def test_the_doctor_names_what_is_dropped_and_what_limits(site: Site) -> None:
    site.call("PUT", "/projects/sentry/isl/", {"options": {"filters:releases": "isl@*"}})
    [key] = site.call("GET", "/projects/sentry/isl/keys/")
    site.call("PUT", f"/projects/sentry/isl/keys/{key['id']}/", {"rateLimit": {"window": 60, "count": 5}})
    list(tick(replace(site.target(), patience=IMPATIENCE)))
    found = by_name(examine_project(site.client, PROJECT, "another"))
    assert found["DSN"].state is State.WRONG
    assert (found["filtered"].state, found["accepted"].state) == (State.WRONG, State.WRONG)
    assert "look at the project's filters" in found["filtered"].detail
    mine = by_name(examine_project(site.client, PROJECT, key["public"]))
    assert mine["DSN"].state is State.OK
    assert mine["key limit"].detail.startswith("5 errors in 60 s are taken")
    assert mine["dropped by SDK"].detail.endswith("reason sample_rate")
