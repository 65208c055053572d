"""A token may do what its scopes say; every route has a rule, and the first token may do everything."""

from collections.abc import Iterator

import pytest

from embedded.api.scopes import ALL, RULES
from tests.path.engine import ORGANIZATION, Engine, start_engine

DENIED = {"detail": "You do not have permission to perform this action."}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    engine.project()
    yield engine
    engine.end()


def status(engine: Engine, scopes: list[str], method: str, path: str) -> int:
    """What the call is answered with under a token of these scopes."""
    made = engine.ask("POST", "/api-tokens/", {"name": "less", "scopes": scopes})
    answer = engine.client.request(
        method,
        f"{engine.url}/api/0{path}",
        headers={"authorization": f"Bearer {made['token']}"},
        json={} if method != "GET" else None,
    )
    assert answer.status_code != 403 or answer.json() == DENIED
    return answer.status_code


@pytest.mark.parametrize(
    ("scope", "method", "path", "expected"),
    [
        ("event:read", "GET", f"{ORGANIZATION}/issues/", 200),
        ("event:read", "PUT", f"{ORGANIZATION}/issues/9/", 403),
        ("event:write", "GET", f"{ORGANIZATION}/issues/", 200),
        ("event:write", "PUT", f"{ORGANIZATION}/issues/9/", 400),  # let through, and then its body is read
        ("event:read", "GET", f"{ORGANIZATION}/detectors/", 403),
        ("alerts:read", "GET", f"{ORGANIZATION}/detectors/", 200),
        ("project:read", "GET", f"{ORGANIZATION}/detectors/", 200),
        ("alerts:read", "POST", f"{ORGANIZATION}/projects/isl/detectors/", 403),
        ("alerts:write", "POST", f"{ORGANIZATION}/projects/isl/detectors/", 400),
        ("alerts:write", "POST", f"{ORGANIZATION}/workflows/", 400),
        ("project:write", "POST", f"{ORGANIZATION}/workflows/", 403),
        ("org:read", "GET", f"{ORGANIZATION}/stats_v2/", 400),
        ("project:read", "GET", "/projects/sentry/isl/keys/", 200),
        ("project:read", "POST", "/projects/sentry/isl/keys/", 403),
        ("project:releases", "POST", f"{ORGANIZATION}/releases/", 400),
        ("org:ci", "POST", f"{ORGANIZATION}/releases/", 400),
        ("org:ci", "GET", f"{ORGANIZATION}/issues/", 403),
        ("member:read", "GET", f"{ORGANIZATION}/members/", 200),
        ("team:read", "GET", f"{ORGANIZATION}/teams/", 200),
        ("org:read", "POST", "/sentry-apps/", 403),
        ("org:write", "POST", "/sentry-apps/", 400),
        ("org:write", "POST", "/api-tokens/", 403),
        ("org:read", "GET", "/projects/sentry/none/", 403),  # and says nothing about what there is
        ("project:read", "GET", "/projects/sentry/none/", 404),
    ],
)
def test_scope_decides(engine: Engine, scope: str, method: str, path: str, expected: int) -> None:
    assert status(engine, [scope], method, path) == expected


def test_token_says_what_it_may_do(engine: Engine) -> None:
    assert engine.ask("GET", "/")["auth"]["scopes"] == sorted(ALL)
    made = engine.ask("POST", "/api-tokens/", {"scopes": ["org:read", "event:read", "org:read"]})
    answer = engine.client.get(f"{engine.url}/api/0/", headers={"authorization": f"Bearer {made['token']}"})
    assert answer.json()["auth"]["scopes"] == ["event:read", "org:read"]
    assert made["token"].startswith("sntryu_")


@pytest.mark.parametrize("scopes", [[], ["org:everything"]])
def test_token_of_unknown_scopes_is_refused(engine: Engine, scopes: list[str]) -> None:
    answer = engine.call("POST", "/api-tokens/", {"scopes": scopes})
    assert (answer.status_code, list(answer.json())) == (400, ["scopes"])


def test_rules_name_real_scopes() -> None:
    assert {scope for rule in RULES for scope in (*rule.read, *rule.write)} <= set(ALL)
