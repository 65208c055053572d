"""Whom an alert may name, and test notifications: over the web API, to a real receiver."""

from collections.abc import Iterator

import pytest

from tests.path.engine import ORGANIZATION, Engine, Receiver, receiving, start_engine

CHANNELS = """
integrations:
- {{id: 1, provider: slack, name: acme, targets: [{{id: C1, name: ops, secret: {key}}}]}}
- {{id: 2, provider: pagerduty, name: acme, url: "{url}", targets: [{{id: 77, name: isl, secret: {key}}}]}}
mail: {{host: 127.0.0.1, port: 9, sender: sentry@acme.test, security: none}}
members: [{{id: 8, name: Ann, email: ann@acme.test}}, {{id: 9, name: Bob, email: bob@acme.test}}]
"""
SLACK = {"type": "slack", "integrationId": "1", "config": {"targetType": "specific", "targetIdentifier": "C1"}}
MAIL = {"type": "email", "config": {"targetType": "user", "targetIdentifier": "8"}}
FIRE = f"{ORGANIZATION}/test-fire-actions/"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    yield from receiving()


@pytest.fixture(scope="module")
def engine(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("engine")
    (folder / "hook").write_text(f"{receiver.url}/s3cr3t")
    (folder / "channels.yml").write_text(CHANNELS.format(key=f"file:{folder}/hook", url=receiver.url))
    engine = start_engine(folder / "data", channels=str(folder / "channels.yml"))
    engine.project()
    yield engine
    engine.end()


def test_members_integrations_and_services_are_listed_without_secrets(engine: Engine) -> None:
    people = engine.ask("GET", f"{ORGANIZATION}/members/")
    assert [(each["email"], each["user"]["id"]) for each in people] == [("ann@acme.test", "8"), ("bob@acme.test", "9")]
    [team] = engine.ask("GET", f"{ORGANIZATION}/teams/")
    assert (team["slug"], team["memberCount"]) == ("sentry", 2)
    found = engine.call("GET", f"{ORGANIZATION}/integrations/")
    assert [each["provider"]["key"] for each in found.json()] == ["slack", "pagerduty"]
    [slack] = engine.ask("GET", f"{ORGANIZATION}/integrations/", provider_key="slack")
    actions = engine.call("GET", f"{ORGANIZATION}/available-actions/")
    by_type = {each["type"]: each for each in actions.json()}
    assert by_type["slack"]["integrations"] == [{"id": slack["id"], "name": "acme"}]
    assert by_type["pagerduty"]["integrations"][0]["services"] == [{"id": "77", "name": "isl"}]
    assert "s3cr3t" not in found.text + actions.text


def test_lists_are_cut_into_pages_with_links(engine: Engine) -> None:
    first = engine.call("GET", f"{ORGANIZATION}/members/", per_page=1)
    following = first.links["next"]
    assert (len(first.json()), following["results"], first.links["previous"]["results"]) == (1, "true", "false")
    second = engine.call("GET", f"{ORGANIZATION}/members/", per_page=1, cursor=following["cursor"])
    assert [each["email"] for each in second.json()] == ["bob@acme.test"]
    assert second.links["next"]["results"] == "false"


def test_the_team_cannot_be_made_twice_nor_another_one(engine: Engine) -> None:
    assert engine.call("POST", f"{ORGANIZATION}/teams/", {"slug": "sentry"}).status_code == 409
    refused = engine.call("POST", f"{ORGANIZATION}/teams/", {"slug": "crew"})
    assert (refused.status_code, "one team" in refused.json()["detail"]) == (403, True)


def test_project_may_be_made_without_a_team(engine: Engine) -> None:
    made = engine.ask("POST", f"{ORGANIZATION}/projects/", {"name": "Mine"})
    assert [each["slug"] for each in made["teams"]] == ["sentry"]


def test_test_notifications_reach_receivers_say_what_fails_and_are_limited(engine: Engine, receiver: Receiver) -> None:
    """One after the other, since only ten a minute are taken."""
    answer = engine.call("POST", FIRE, {"actions": [SLACK], "projectSlug": "isl"})
    assert (answer.status_code, answer.json()) == (200, None)
    [(_, body)] = receiver.received
    assert b"Test notification" in body
    assert engine.ask("GET", f"{ORGANIZATION}/workflows/") == []

    receiver.status = 503
    answer = engine.call("POST", FIRE, {"actions": [SLACK, MAIL]})
    assert answer.status_code == 400
    first, second = answer.json()["actions"]
    assert (first, second.startswith("e-mail: 127.0.0.1: ")) == ("slack acme ops: answered 503", True)

    refused: list[tuple[object, str]] = [
        ({"actions": []}, "actions"),
        ({"actions": [{**SLACK, "integrationId": "7"}]}, "actions"),
        ({"actions": [{"type": "pigeon", "config": {}}]}, "actions.0.type"),
    ]
    for wrong, field in refused:
        answer = engine.call("POST", FIRE, wrong)
        assert answer.status_code == 400
        assert next(iter(answer.json())) == field
    assert engine.call("POST", FIRE, {"actions": [SLACK], "projectSlug": "none"}).status_code == 404

    receiver.status = 200
    statuses = [engine.call("POST", FIRE, {"actions": [SLACK]}).status_code for _ in range(10)]
    assert statuses == [200] * (10 - statuses.count(429)) + [429] * statuses.count(429)
    assert statuses[-1] == 429
