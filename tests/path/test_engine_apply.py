"""An API that fails in the middle of an apply, at each step of it: the next apply converges, to exactly the rules."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner

from monitors.answers import Project
from monitors.client import SentryClient
from monitors.errors import ApiError, PlanError
from monitors.load import RULES_DIRECTORY, load_rules
from monitors.model import RuleSet
from monitors.plan import apply_plan, make_plan
from monitors.provision import ensure_app, ensure_project
from monitors.transport import MAX_ATTEMPTS, MAX_RETRY_AFTER_S
from rehearsal.cli import cli
from rehearsal.errors import EnvironmentMissingError
from tests.path.engine import Engine, start_engine
from tests.path.faulty import Fault, FaultyProxy, faulty_proxy, refusal

RULES = load_rules(RULES_DIRECTORY)
GARBAGE = Fault("garbage", body=b"<html><body>Welcome</body></html>")
CUT = Fault("no answer", is_cut=True)
REFUSALS = tuple(refusal(status) for status in (401, 403, 409, 429, 500))
# It was done, and only the answer is lost. A refusal says that it was not done.
LATE = tuple(replace(each, name=f"{each}, too late", is_late=True) for each in (GARBAGE, CUT, refusal(504)))
FAULTS = (*REFUSALS, GARBAGE, CUT, *LATE)
STEPS_OF_PLAN = 4  # lists of projects, detectors, workflows and actions
STEPS = STEPS_OF_PLAN + len(RULES.monitors) + len(RULES.alerts)
FOR_GOOD = 1000  # requests; more than an apply has


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    yield engine
    engine.end()


@pytest.fixture(scope="module")
def proxy(engine: Engine) -> Iterator[FaultyProxy]:
    with faulty_proxy(engine.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def pauses() -> list[float]:
    return []


@pytest.fixture(scope="module")
def client(engine: Engine, proxy: FaultyProxy, pauses: list[float]) -> Iterator[SentryClient]:
    """Through the proxy; its pauses are noted instead of waited for."""
    with SentryClient(proxy.url, (engine.data_dir / "token").read_text(), "sentry", pauses.append) as client:
        yield client


@pytest.fixture(scope="module")
def direct(engine: Engine) -> Iterator[SentryClient]:
    """Past the proxy."""
    with SentryClient(engine.url, (engine.data_dir / "token").read_text(), "sentry") as client:
        for app in {action.target for alert in RULES.alerts for action in alert.actions}:
            ensure_app(client, app, "http://127.0.0.1:9/hook")
        yield client


@pytest.fixture(scope="module")
def project(direct: SentryClient) -> Project:
    return ensure_project(direct, "sentry", "isl")


def empty(client: SentryClient, project: Project) -> None:
    """Remove all that an apply makes."""
    for workflow in client.workflows():
        client.delete_workflow(workflow.id)
    for detector in client.detectors(project.id):
        if detector.type == "metric_issue":
            client.delete_detector(detector.id)


def apply(rules: RuleSet, client: SentryClient, project: Project) -> str | None:
    """Do what `rehearse monitors apply` does; return what went wrong, if anything did."""
    try:
        found = next(each for each in client.projects() if each.slug == project.slug)
        apply_plan(make_plan(rules, client, found), client)
    except (ApiError, PlanError) as error:
        return str(error)
    return None


def assert_converged(rules: RuleSet, client: SentryClient, project: Project) -> None:
    """Exactly the rules are there, each once, and there is nothing left to do."""
    plan = make_plan(rules, client, project)
    assert plan.is_empty, str(plan)
    assert plan.unmanaged == ()
    metric = [each.name for each in client.detectors(project.id) if each.type == "metric_issue"]
    assert sorted(metric) == sorted(each.name for each in rules.monitors)
    assert sorted(each.name for each in client.workflows()) == sorted(each.name for each in rules.alerts)


def changed() -> RuleSet:
    """The shipped rules, every one of them a little different."""
    monitors = tuple(replace(each, description="other") for each in RULES.monitors)
    return RuleSet(monitors, tuple(replace(each, environment="production") for each in RULES.alerts))


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("is_update", [False, True], ids=["create", "update"])
def test_next_apply_converges_whatever_step_failed(
    client: SentryClient, direct: SentryClient, proxy: FaultyProxy, project: Project, fault: Fault, *, is_update: bool
) -> None:
    wanted = changed() if is_update else RULES
    # What an update asks before it writes is what a create asks.
    for step in range(STEPS_OF_PLAN + 1 if is_update else 1, STEPS + 1):
        empty(direct, project)
        if is_update:
            assert apply(RULES, direct, project) is None
        proxy.spoil(fault, step, times=FOR_GOOD)
        said = apply(wanted, client, project)
        assert proxy.spoiled, (step, proxy.calls)
        assert said, f"step {step} was spoiled, and nobody was told"
        assert apply(wanted, direct, project) is None
        assert_converged(wanted, direct, project)


@pytest.mark.parametrize("fault", [refusal(429), refusal(500), CUT], ids=str)
def test_one_fault_of_a_moment_is_tried_again_and_never_made_twice(
    client: SentryClient, direct: SentryClient, proxy: FaultyProxy, project: Project, fault: Fault
) -> None:
    for step in range(1, STEPS + 1):
        empty(direct, project)
        proxy.spoil(fault, step, times=1)
        said = apply(RULES, client, project)
        is_create = step > STEPS_OF_PLAN
        assert (said is None) is (fault.status == 429 or not is_create), (step, said)
        assert apply(RULES, direct, project) is None
        assert_converged(RULES, direct, project)


def test_retry_after_is_waited_for_up_to_its_bound(
    client: SentryClient, direct: SentryClient, proxy: FaultyProxy, project: Project, pauses: list[float]
) -> None:
    empty(direct, project)
    for asked, times, expected in (("7", 1, [7.0]), (str(MAX_RETRY_AFTER_S), FOR_GOOD, [30.0] * (MAX_ATTEMPTS - 1))):
        pauses.clear()
        proxy.spoil(refusal(429, Retry_After=asked), 5, times=times)  # the first create
        said = apply(RULES, client, project)
        assert pauses == expected
        assert (said is None) is (times == 1)
        proxy.heal()
        empty(direct, project)
    pauses.clear()
    proxy.spoil(refusal(429, Retry_After=str(MAX_RETRY_AFTER_S + 1)), 5, times=1)
    assert "HTTP 429" in str(apply(RULES, client, project))
    assert pauses == []
    proxy.heal()


def test_command_tells_that_it_can_be_repeated_and_ends_with_3(
    engine: Engine, direct: SentryClient, proxy: FaultyProxy, project: Project
) -> None:
    empty(direct, project)
    variables = {
        "SENTRY_URL": proxy.url,
        "SENTRY_AUTH_TOKEN": (engine.data_dir / "token").read_text(),
        "SENTRY_ORG": "sentry",
        "SENTRY_PROJECT": project.slug,
    }
    proxy.spoil(refusal(403), 7, times=1)  # the first alert
    failed = CliRunner().invoke(cli, ["monitors", "apply"], env=variables)
    assert isinstance(failed.exception, EnvironmentMissingError)  # exit code 3, see test_cli
    assert "apply again to go on from there" in str(failed.exception)
    assert "alerts:write" in str(failed.exception)
    proxy.heal()
    again = CliRunner().invoke(cli, ["monitors", "apply"], env=variables)
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (0, "3 changed")
    last = CliRunner().invoke(cli, ["monitors", "apply"], env=variables)
    assert (last.exit_code, last.stdout) == (0, "nothing to change\nunchanged\n")
