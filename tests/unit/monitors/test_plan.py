"""Plan and apply against a fake Sentry on a real socket."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from monitors.answers import Project
from monitors.client import SentryClient
from monitors.errors import ApiError
from monitors.filters import read_filter
from monitors.model import Action, RuleSet, Trigger
from monitors.plan import Plan, PlanError, apply_plan, make_plan
from tests.unit.monitors.fake_sentry import Answer, FakeSentry
from tests.unit.monitors.rules import NEW_CODE, RATE, RATE_ALERT, RULES, with_threshold

PlanOf = Callable[[RuleSet], Plan]
APPLIED = ["monitor Rate", "alert Rate", "alert New code"]


@pytest.fixture
def project(fake: FakeSentry) -> Project:
    made = fake.add_project("ISL")
    fake.add_app("ops")
    return Project(int(made["id"]), made["slug"], made["name"])


@pytest.fixture
def plan_of(client: SentryClient, project: Project) -> PlanOf:
    return lambda rules: make_plan(rules, client, project)


def _names(plan: Plan, kind: str) -> list[str]:
    return [f"{change.what} {change.name}" for change in plan.changes if change.kind == kind]


def test_make_plan_changes_nothing(fake: FakeSentry, plan_of: PlanOf) -> None:
    plan = plan_of(RULES)
    assert _names(plan, "create") == APPLIED
    assert not plan.is_empty
    assert fake.writes() == []


def test_apply_connects_alerts_to_the_monitors_it_made(fake: FakeSentry, client: SentryClient, plan_of: PlanOf) -> None:
    done = apply_plan(plan_of(RULES), client)
    assert [f"{change.what} {change.name}" for change in done] == APPLIED
    detectors = {detector["name"]: detector["id"] for detector in fake.detectors}
    assert {workflow["name"]: workflow["detectorIds"] for workflow in fake.workflows} == {
        "Rate": [detectors["Rate"]],
        "New code": [detectors["Error Monitor"]],
    }


def test_second_apply_changes_nothing_and_says_so(fake: FakeSentry, client: SentryClient, plan_of: PlanOf) -> None:
    """The fake answers in another order and shape than it was asked, as Sentry does."""
    apply_plan(plan_of(RULES), client)
    fake.calls.clear()
    plan = plan_of(RULES)
    assert (plan.is_empty, str(plan)) == (True, "nothing to change")
    assert _names(plan, "unchanged") == APPLIED
    assert apply_plan(plan, client) == ()
    assert fake.writes() == []


def test_query_in_another_spelling_is_the_same(client: SentryClient, plan_of: PlanOf) -> None:
    apply_plan(plan_of(RULES), client)
    spelled = replace(RATE, query='!span.status:["ok",not_found]   is_transaction:true')
    assert plan_of(replace(RULES, monitors=(spelled,))).is_empty


def test_changed_threshold_is_the_one_update(fake: FakeSentry, client: SentryClient, plan_of: PlanOf) -> None:
    apply_plan(plan_of(RULES), client)
    fake.calls.clear()
    plan = plan_of(with_threshold(0.1))
    assert _names(plan, "update") == ["monitor Rate"]
    assert plan.changes[0].differences == (
        "thresholds: [('gt', 0.05, 75), ('lte', 0.05, 0)] -> [('gt', 0.1, 75), ('lte', 0.1, 0)]",
    )
    apply_plan(plan, client)
    assert [(method, body["name"]) for method, _, body in fake.writes()] == [("PUT", "Rate")]
    assert plan_of(with_threshold(0.1)).is_empty


def test_every_field_of_a_rule_is_applied_once_and_found_again(client: SentryClient, plan_of: PlanOf) -> None:
    monitor = replace(RATE, compared_to=timedelta(hours=1), extrapolation="none", owner="team:3")
    filters = (read_filter("events", "> 100 in 1h"), read_filter("tag", "error_code is_set"))
    alert = replace(NEW_CODE, triggers=(Trigger.ANY_EVENT,), filters=filters, logic="any", owner="user:7")
    rules = RuleSet((monitor,), (RATE_ALERT, alert))
    apply_plan(plan_of(RULES), client)
    differences = [each for change in plan_of(rules).changes for each in change.differences]
    assert [each.partition(":")[0] for each in differences] == [
        *("detection", "compared to (s)", "extrapolation", "owner"),
        *("triggers", "filters", "owner"),
    ]
    apply_plan(plan_of(rules), client)
    assert plan_of(rules).is_empty
    reordered = replace(alert, filters=filters[::-1])
    assert plan_of(RuleSet((monitor,), (RATE_ALERT, reordered))).is_empty


@pytest.mark.parametrize(
    ("field", "value", "difference"),
    [
        ("enabled", False, "enabled: False -> True"),
        ("environment", "staging", "environment: 'staging' -> None"),
        ("config", {"frequency": 5}, "frequency (min): 5 -> 60"),
        ("detectorIds", ["101"], "monitors: "),
        ("actionFilters", [], "filters: '0 groups' -> 'none, every issue passes'"),
    ],
)
def test_alert_changed_by_hand_is_put_back(
    fake: FakeSentry, client: SentryClient, plan_of: PlanOf, field: str, value: object, difference: str
) -> None:
    """A change in Sentry's pages is seen and undone; the ids of what stays are echoed."""
    apply_plan(plan_of(RULES), client)
    rate = next(workflow for workflow in fake.workflows if workflow["name"] == "Rate")
    triggers = {each["id"] for each in rate["triggers"]["conditions"]}
    detector_ids = [each["id"] for each in fake.detectors if each["name"] in ("Rate", "Error Monitor")]
    rate[field] = detector_ids if field == "detectorIds" else value
    plan = plan_of(RULES)
    assert _names(plan, "update") == ["alert Rate"]
    assert plan.changes[1].differences[0].startswith(difference)
    apply_plan(plan, client)
    assert plan_of(RULES).is_empty
    assert {each["id"] for each in rate["triggers"]["conditions"]} == triggers


def test_disabled_alert_stays_disabled_through_an_update(
    fake: FakeSentry, client: SentryClient, plan_of: PlanOf
) -> None:
    off = replace(RULES, alerts=(replace(RATE_ALERT, enabled=False),))
    apply_plan(plan_of(off), client)
    fake.workflows[0]["config"] = {"frequency": 5}
    apply_plan(plan_of(off), client)
    assert fake.workflows[0]["enabled"] is False


def test_failure_in_the_middle_is_caught_up_by_the_next_apply(
    fake: FakeSentry, client: SentryClient, plan_of: PlanOf
) -> None:
    fake.canned.append(Answer(500, {"detail": "boom"}, when="POST organizations/acme/workflows/"))
    with pytest.raises(ApiError, match="HTTP 500: boom"):
        apply_plan(plan_of(RULES), client)
    plan = plan_of(RULES)
    assert (_names(plan, "unchanged"), _names(plan, "create")) == (APPLIED[:1], APPLIED[1:])
    apply_plan(plan, client)
    assert plan_of(RULES).is_empty
    assert len(fake.workflows) == 2


def test_what_no_rule_names_is_listed_and_left_alone(fake: FakeSentry, client: SentryClient, plan_of: PlanOf) -> None:
    apply_plan(plan_of(RULES), client)
    plan = plan_of(RuleSet((), (NEW_CODE,)))
    assert plan.unmanaged == ("monitor 'Rate'", "alert 'Rate'")
    assert "not in the rules, left alone: monitor 'Rate'" in str(plan)
    apply_plan(plan, client)
    assert len(fake.detectors) == 3


def test_second_one_of_a_name_is_told(fake: FakeSentry, client: SentryClient, plan_of: PlanOf) -> None:
    """As a create leaves it that a proxy sent twice: it would page twice, and no rule could be found for it."""
    apply_plan(plan_of(RULES), client)
    for rows in (fake.detectors, fake.workflows):
        rows.append(next(each for each in rows if each["name"] == "Rate") | {"id": fake.next_id()})
    plan = plan_of(RULES)
    again = [
        f"{what} 'Rate' once more, id {rows[-1]['id']}"
        for what, rows in (("monitor", fake.detectors), ("alert", fake.workflows))
    ]
    assert (plan.is_empty, list(plan.unmanaged)) == (True, again)
    assert f"not in the rules, left alone: {again[0]}" in str(plan)


def test_alert_of_the_same_name_in_another_project_is_not_taken(
    fake: FakeSentry, client: SentryClient, plan_of: PlanOf
) -> None:
    """Alerts belong to the organisation, so their names meet."""
    made = fake.add_project("Other")
    other = Project(int(made["id"]), made["slug"], made["name"])
    apply_plan(make_plan(RULES, client, other), client)
    assert _names(plan_of(RULES), "create") == APPLIED
    apply_plan(plan_of(RULES), client)
    assert plan_of(RULES).is_empty
    assert make_plan(RULES, client, other).is_empty
    assert len(fake.workflows) == 4


def test_missing_app_is_named_with_how_to_make_it(plan_of: PlanOf) -> None:
    lost = replace(RATE_ALERT, actions=(Action("sentry_app", "pager"),))
    with pytest.raises(
        PlanError, match=r"^rules.yml:1: no integration .* is named 'pager'; create it in Sentry under Set"
    ):
        plan_of(replace(RULES, alerts=(lost, NEW_CODE)))


def test_missing_error_monitor_is_told(fake: FakeSentry, plan_of: PlanOf) -> None:
    fake.detectors.clear()
    with pytest.raises(PlanError, match="project 'isl' has no default error monitor"):
        plan_of(RULES)


def test_release_that_insists_on_the_identifier_gets_it(
    fake: FakeSentry, client: SentryClient, plan_of: PlanOf
) -> None:
    fake.wants_identifier = True
    apply_plan(plan_of(RULES), client)
    assert plan_of(RULES).is_empty


def test_refused_alert_tells_the_first_refusal(fake: FakeSentry, client: SentryClient, plan_of: PlanOf) -> None:
    fake.canned += [
        Answer(400, {"environment": ["no such"]}, when="POST organizations/acme/workflows/"),
        Answer(400, {"config": ["unexpected key"]}, when="POST organizations/acme/workflows/"),
    ]
    with pytest.raises(ApiError, match="no such"):
        apply_plan(plan_of(RULES), client)
