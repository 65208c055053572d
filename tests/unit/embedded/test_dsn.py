"""Who sends: rules A1 to A4."""

import base64

import pytest

from embedded.dsn import Auth, dsn_auth, parse_number, read_auth
from embedded.errors import RejectedError

KEY = "0123456789abcdef0123456789abcdef"
GOOD = f"Sentry sentry_key={KEY}"


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({"x-sentry-auth": GOOD}, "", Auth(KEY)),
        ({"x-sentry-auth": f"SENTRY sentry_key={KEY}"}, "", Auth(KEY)),
        (
            {"authorization": f"sentry  sentry_key = {KEY} ,sentry_version=7, sentry_client=a=b"},
            "",
            Auth(KEY, client="a=b"),
        ),
        ({"x-sentry-auth": f"{GOOD}, sentry_version=7.1, sentry_timestamp=now, unknown=1"}, "", Auth(KEY)),
        ({"x-sentry-auth": f"{GOOD}.flag"}, "", Auth(KEY)),
        ({}, f"sentry_key={KEY}&sentry_version=7&sentry_client=js", Auth(KEY, client="js")),  # A3
        ({}, f"a=b&sentry_key={KEY}", Auth(KEY)),
        ({"authorization": "Basic " + base64.b64encode(f"{KEY}:anything".encode()).decode()}, "", Auth(KEY)),  # A2
        ({"authorization": "basic " + base64.b64encode(KEY.encode()).decode()}, "", Auth(KEY)),
        # A1: anything else in these headers is not ours.
        ({}, "", None),
        ({}, "a=b", None),
        ({"x-sentry-auth": ""}, "", None),
        ({"x-sentry-auth": f"sentry_key={KEY}"}, "", None),
        ({"authorization": "Bearer token"}, "", None),
        ({"authorization": "Bearer token", "x-sentry-auth": GOOD}, "", Auth(KEY)),
    ],
)
def test_read_auth_finds_the_key(headers: dict[str, str], query: str, expected: Auth | None) -> None:
    assert read_auth(headers, query) == expected


MULTIPLE, BAD_HEADER = "multiple authorization payloads detected", "bad x-sentry-auth header"
BAD_KEY = "bad sentry DSN public key"


@pytest.mark.parametrize(
    ("headers", "query", "status", "detail"),
    [
        ({"x-sentry-auth": GOOD, "authorization": GOOD}, "", 401, MULTIPLE),  # A6
        ({"x-sentry-auth": GOOD}, f"sentry_key={KEY}", 401, MULTIPLE),
        ({"x-sentry-auth": GOOD, "authorization": "Basic YTpi"}, "", 401, MULTIPLE),
        ({"authorization": "Basic \x80"}, "", 401, BAD_HEADER),
        ({"authorization": "Basic !"}, "", 401, BAD_HEADER),
        ({"authorization": "Basic YTpi"}, "", 400, BAD_KEY),
        ({"x-sentry-auth": "Sentry sentry_version=7"}, "", 401, BAD_HEADER),
        ({"x-sentry-auth": "Sentry "}, "", 401, BAD_HEADER),
        ({"x-sentry-auth": f"{GOOD}, sentry_version=foo"}, "", 401, BAD_HEADER),
        ({"x-sentry-auth": f"{GOOD}, sentry_version=-1"}, "", 401, BAD_HEADER),
        ({"x-sentry-auth": f"{GOOD}, sentry_version={'9' * 5000}"}, "", 401, BAD_HEADER),
        ({}, "sentry_version=7", 401, BAD_HEADER),
        ({"x-sentry-auth": f"{GOOD}, sentry_version=8"}, "", 400, "unsupported protocol version (8)"),
        ({"x-sentry-auth": "Sentry sentry_key=short"}, "", 400, BAD_KEY),
        ({"x-sentry-auth": f"Sentry sentry_key={KEY}0"}, "", 400, BAD_KEY),
        ({"x-sentry-auth": f"Sentry sentry_key={'é' * 32}"}, "", 400, BAD_KEY),
    ],
)
def test_read_auth_refuses(headers: dict[str, str], query: str, status: int, detail: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read_auth(headers, query)
    assert (caught.value.status, caught.value.detail) == (status, detail)


@pytest.mark.parametrize(
    "dsn", [f"http://{KEY}@localhost:9000/42", f"https://{KEY}:secret@host/42", f"http://{KEY}@host/a/path/42"]
)
def test_dsn_auth_reads_key_and_project(dsn: str) -> None:
    assert dsn_auth(dsn) == Auth(KEY, 42)


@pytest.mark.parametrize(
    ("dsn", "status"),
    [
        (None, 401),
        (42, 401),
        ([], 401),
        ("", 401),
        ("garbage", 401),
        ("http://host/42", 401),
        (f"http://{KEY}@host/", 401),
        (f"http://{KEY}@host/project", 401),
        (f"http://{KEY}@host/²", 401),
        (f"http://{KEY}@host/{'1' * 5000}", 401),
        (f"http://{KEY}@[::1/42", 401),
        ("http://short@host/42", 400),
    ],
)
def test_dsn_auth_refuses(dsn: object, status: int) -> None:
    with pytest.raises(RejectedError) as caught:
        dsn_auth(dsn)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("42", 42),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("", None),
        ("-1", None),
        ("٤", None),
        ("1_0", None),
    ],
)
def test_parse_number_reads_short_ascii_digits_only(text: str, expected: int | None) -> None:
    assert parse_number(text) == expected
