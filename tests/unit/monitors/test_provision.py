"""Projects and integrations that are there afterwards, whatever was there before."""

import pytest

from monitors.client import SentryClient
from monitors.errors import ApiError, PlanError
from monitors.provision import ensure_app, ensure_project
from tests.unit.monitors.fake_sentry import Answer, FakeSentry

URL = "http://sink.internal:8085/hooks/ops"


def test_ensure_project_makes_it_once(fake: FakeSentry, client: SentryClient) -> None:
    made = ensure_project(client, "crew", "ISL")
    assert ensure_project(client, "crew", "isl") == made
    assert len(fake.writes()) == 1


def test_ensure_project_that_another_made_meanwhile(fake: FakeSentry, client: SentryClient) -> None:
    fake.canned.append(Answer(200, [], when="GET organizations/acme/projects/"))
    fake.add_project("ISL")
    assert ensure_project(client, "crew", "ISL").slug == "isl"


def test_ensure_project_tells_other_refusals(client: SentryClient) -> None:
    with pytest.raises(ApiError, match="HTTP 404"):
        ensure_project(client, "no-such-team", "ISL")


def test_ensure_app_returns_the_secret_once(fake: FakeSentry, client: SentryClient) -> None:
    ident, secret = ensure_app(client, "ops", URL)
    assert secret == "secret-of-ops"
    assert ensure_app(client, "ops", URL) == (ident, None)
    assert len(fake.writes()) == 1


def test_ensure_app_moves_it_to_the_new_address(fake: FakeSentry, client: SentryClient) -> None:
    """A sink on another port would otherwise wait in vain."""
    ensure_app(client, "ops", URL)
    ensure_app(client, "ops", URL.replace("8085", "8086"))
    assert [app["webhookUrl"] for app in fake.apps] == [URL.replace("8085", "8086")]


def test_ensure_app_that_alerts_may_not_notify(fake: FakeSentry, client: SentryClient) -> None:
    fake.add_app("ops", URL)["isAlertable"] = False
    with pytest.raises(PlanError, match="switch its Alert Rule Action on"):
        ensure_app(client, "ops", URL)
