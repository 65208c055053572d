"""API keys and the rate limit: who is let in, how often, and what everybody else is told."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from fastapi import FastAPI

from service.api_keys import OPEN_PATHS
from service.app import build_app
from service.rate_limit import MAX_CALLERS, RateLimit, Windows
from service.request_id import WELL_FORMED
from service.settings import SettingsError, load_serving_settings, load_settings
from tests.unit.service.quiet import quiet_settings

KEY, OTHER = "0123456789abcdef", "a-key-of-another-caller"
VALIDATE = "/api/v1/causal/validate"
VALID = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}
Headers = Sequence[tuple[bytes, bytes]]


def ask(app: FastAPI, headers: Headers, path: str = VALIDATE) -> httpx.Response:
    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://isl.test") as client:
            if path in OPEN_PATHS:
                return await client.get(path, headers=list(headers))
            return await client.post(path, json=VALID, headers=list(headers))

    return asyncio.run(call())


def keyed(**extra: str) -> FastAPI:
    return build_app(quiet_settings(ISL_AUTH_DISABLED="false", ISL_API_KEYS=f"{KEY}, {OTHER}", **extra))


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return keyed()


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_each_key_opens(app: FastAPI, key: str) -> None:
    assert ask(app, [(b"x-api-key", key.encode())]).status_code == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "missing_api_key"),
        ([(b"authorization", f"Bearer {KEY}".encode())], "missing_api_key"),
        ([(b"x-api-key", b"")], "invalid_api_key"),
        ([(b"x-api-key", KEY[:-1].encode())], "invalid_api_key"),
        ([(b"x-api-key", f"{KEY}0".encode())], "invalid_api_key"),
        ([(b"x-api-key", f"{KEY}, {OTHER}".encode())], "invalid_api_key"),
        ([(b"x-api-key", KEY.upper().encode())], "invalid_api_key"),
        ([(b"x-api-key", "schlüssel-mit-umlaut".encode())], "invalid_api_key"),
        ([(b"x-api-key", b"\xff\xfe" * 8)], "invalid_api_key"),
        ([(b"x-api-key", KEY.encode()), (b"x-api-key", OTHER.encode())], "invalid_api_key"),
    ],
)
def test_everybody_else_gets_a_401_in_the_olumi_schema(app: FastAPI, headers: Headers, reason: str) -> None:
    answer = ask(app, headers)
    assert answer.status_code == 401
    body = answer.json()
    assert (body["code"], body["reason"], body["retryable"]) == ("ISL_UNAUTHORIZED", reason, False)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert WELL_FORMED.fullmatch(body["request_id"])
    assert answer.headers["www-authenticate"].startswith("ApiKey ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert KEY not in answer.text


def test_a_path_that_does_not_exist_is_not_told_to_strangers(app: FastAPI) -> None:
    assert ask(app, [], "/api/v1/nothing").status_code == 401
    assert ask(app, [(b"x-api-key", KEY.encode())], "/api/v1/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/health", "/docs", "/openapi.json"])
def test_probes_and_the_description_need_no_key(app: FastAPI, path: str) -> None:
    assert ask(app, [], path).status_code == 200


def test_the_description_names_the_header(app: FastAPI) -> None:
    document = app.openapi()
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["in"], scheme["name"]) == ("header", "X-API-Key")
    operation = document["paths"][VALIDATE]["post"]
    assert operation["security"]
    assert {"401", "413", "429"} <= set(operation["responses"])


def test_nothing_set_lets_nobody_in() -> None:
    """The check at the start may be by-passed; this one may not."""
    assert ask(build_app(load_settings({"ISL_LOG_LEVEL": "ERROR"})), []).status_code == 401


def test_service_does_not_start_without_a_decision_on_who_may_ask() -> None:
    with pytest.raises(SettingsError, match=r"ISL_API_KEYS: found nothing.*ISL_AUTH_DISABLED"):
        load_serving_settings({})
    assert load_serving_settings({"ISL_API_KEYS": KEY}).api_keys == (KEY,)
    assert load_serving_settings({"ISL_AUTH_DISABLED": "true"}).api_keys == ()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"ISL_API_KEYS": "short"}, "ISL_API_KEYS: found a key of 5 characters, allowed: keys of 16 or more"),
        ({"ISL_API_KEYS": f"{KEY},{KEY}é"}, "ISL_API_KEYS: found other than printable ASCII in key 2"),
        ({"ISL_API_KEYS": f"{KEY} {KEY}"}, "ISL_API_KEYS: found other than printable ASCII in key 1"),
        ({"ISL_API_KEYS": ",".join([KEY] * 101)}, "ISL_API_KEYS: found 101 keys"),
        (
            {"ISL_AUTH_DISABLED": "true", "SENTRY_ENVIRONMENT": "production"},
            "ISL_AUTH_DISABLED: found true in production",
        ),
        ({"ISL_RATE_LIMIT": "many"}, "ISL_RATE_LIMIT: found 'many', allowed: <count>/<second"),
        ({"ISL_RATE_LIMIT": "0/minute"}, "ISL_RATE_LIMIT: found '0/minute'"),
        ({"ISL_RATE_LIMIT": "9999999/minute"}, "ISL_RATE_LIMIT: found '9999999/minute'"),
    ],
)
def test_wrong_access_settings_are_named_and_no_key_is_quoted(environ: dict[str, str], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    assert expected in str(caught.value)
    assert KEY not in str(caught.value)
    assert KEY not in repr(load_settings({"ISL_API_KEYS": KEY}))


def test_past_the_limit_a_caller_is_told_when_to_come_back() -> None:
    app = keyed(ISL_RATE_LIMIT="2/hour")
    key = [(b"x-api-key", KEY.encode())]
    answers = [ask(app, key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0", "0"]
    refused = answers[2]
    assert refused.headers["x-ratelimit-limit"] == "2"
    assert 3000 < int(refused.headers["retry-after"]) <= 3600
    body = refused.json()
    assert (body["code"], body["reason"], body["retryable"]) == ("ISL_RATE_LIMIT_EXCEEDED", "too_many_requests", True)
    assert body["request_id"] == refused.headers["x-request-id"]


def test_each_caller_has_a_limit_of_its_own_and_strangers_use_up_none() -> None:
    app = keyed(ISL_RATE_LIMIT="1/hour")
    for _ in range(3):
        assert ask(app, [(b"x-api-key", b"made-up-key-of-a-stranger")]).status_code == 401
    for key in (KEY, OTHER):
        assert [ask(app, [(b"x-api-key", key.encode())]).status_code for _ in range(2)] == [200, 429]
    assert ask(app, [], "/health").status_code == 200


def test_without_keys_the_limit_goes_by_address() -> None:
    app = build_app(quiet_settings(ISL_RATE_LIMIT="1/hour"))
    assert [ask(app, []).status_code for _ in range(2)] == [200, 429]


def test_a_window_moves_with_time() -> None:
    windows = Windows(RateLimit(count=2, window_s=60))
    found = [windows.hit("caller", at) for at in (0.0, 10.0, 20.0, 60.0, 61.0, 70.0)]
    assert found == [(1, 60.0), (0, 50.0), (-1, 40.0), (0, 10.0), (-1, 9.0), (0, 50.0)]


def test_callers_past_the_bound_are_forgotten() -> None:
    windows = Windows(RateLimit(count=1, window_s=60))
    for number in range(MAX_CALLERS + 1):
        windows.hit(str(number), 0.0)
    assert windows.hit(str(MAX_CALLERS), 0.0)[0] == -1
    assert windows.hit("0", 0.0)[0] == 0
