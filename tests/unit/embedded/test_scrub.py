"""What must not be stored, and what must not be harmed."""

from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.scrub import FILTERED, Scrubbing, scrub
from tests.unit.embedded.fakes import error, transaction

DEFAULTS = Scrubbing()
CARD = "4111 1111 1111 1111"


def scrubbed(value: object, settings: Scrubbing = DEFAULTS) -> Any:
    return orjson.loads(scrub(orjson.dumps(value), settings))


@pytest.mark.parametrize(
    "key",
    ["password", "PASSWORD", "db_password_2", "secret", "api_key", "X-Api-Key", "apiKey", "Authorization", "token"],
)
@pytest.mark.parametrize("value", ["hunter2", 5, ["a"], {"a": "b"}])
def test_value_of_a_sensitive_key_is_filtered_at_any_depth(key: str, value: object) -> None:
    found = scrubbed({"extra": {"a": [{"b": {key: value}}]}})
    assert found == {"extra": {"a": [{"b": {key: FILTERED}}]}}


@pytest.mark.parametrize("value", [None, "", True, False])
def test_what_says_nothing_is_kept(value: object) -> None:
    assert scrubbed({"extra": {"password": value}}) == {"extra": {"password": value}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CARD, FILTERED),
        (f"paid with {CARD}.", f"paid with {CARD}."),  # a number that goes on after the dot is no card
        (f"paid with {CARD}, thanks", f"paid with {FILTERED}, thanks"),
        ("4111-1111-1111-1111", FILTERED),
        ("4111111111111112", "4111111111111112"),  # fails the check digit
        ("1795442909420", "1795442909420"),  # a time in milliseconds
        ("postgres://user:hunter2@host/db", f"postgres://user:{FILTERED}@host/db"),
        ("Bearer abcdef0123456789", f"Bearer {FILTERED}"),
        ("a=1&token=abc&b=2", f"a=1&token={FILTERED}&b=2"),
        ('{"password": "hunter2", "a": 1}', f'{{"password": "{FILTERED}", "a": 1}}'),
        ('    connect(password="hunter2")', f'    connect(password="{FILTERED}")'),
        ("    password = 'hunter2'", f"    password = '{FILTERED}'"),
        ("    password = settings.password", "    password = settings.password"),
        ("    connect(password=SETTING)", f"    connect(password={FILTERED}"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", FILTERED),
        ("the author is unknown", "the author is unknown"),
    ],
)
def test_secrets_in_texts_are_filtered(text: str, expected: str) -> None:
    assert scrubbed({"message": text}) == {"message": expected}


def test_pairs_of_a_list_are_keys_and_values() -> None:
    tags = [["token", "abc"], ["color", "red"], ["password", None]]
    assert scrubbed({"tags": tags}) == {"tags": [["token", FILTERED], ["color", "red"], ["password", None]]}


def test_escaped_text_is_read_before_it_is_judged() -> None:
    payload = b'{"extra":{"p\\u0061ssword":"hunter2"}}'
    assert orjson.loads(scrub(payload, DEFAULTS)) == {"extra": {"password": FILTERED}}


def test_structure_and_ids_are_not_harmed() -> None:
    span_id = "4111111111111111"  # sixteen digits that would be a valid card
    payload = transaction(modules={"python-auth": "1"}, sdk={"name": "auth"}, extra={"token": "x"})
    payload["contexts"]["trace"]["span_id"] = span_id
    assert scrubbed(payload) == payload | {"extra": {"token": FILTERED}}


@given(st.uuids())
def test_ids_survive_wherever_they_stand(ident: UUID) -> None:
    for text in (ident.hex, str(ident), f"req_{ident.hex[:16]}"):
        if not text.replace("-", "").isdigit():
            assert scrubbed({"extra": {"id": text, "token": "x"}})["extra"]["id"] == text


def test_payload_without_secrets_is_returned_as_it_came() -> None:
    payload = b'{"message" : "hello", "list":[1, 2]}'
    assert scrub(payload, DEFAULTS) is payload


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Scrubbing(is_on=False), {"token": "a", "color": "b", "ip_address": "1.2.3.4"}),
        (Scrubbing(with_defaults=False), {"token": "a", "color": "b", "ip_address": "1.2.3.4"}),
        (Scrubbing(sensitive_fields=("Color",)), {"token": FILTERED, "color": FILTERED, "ip_address": "1.2.3.4"}),
        (Scrubbing(safe_fields=("TOKEN",)), {"token": "a", "color": "b", "ip_address": "1.2.3.4"}),
        (Scrubbing(is_on=False, ip_addresses=True), {"token": "a", "color": "b", "ip_address": None}),
    ],
)
def test_settings_of_the_project_decide(settings: Scrubbing, expected: dict[str, Any]) -> None:
    assert scrubbed({"user": {"token": "a", "color": "b", "ip_address": "1.2.3.4"}}, settings)["user"] == expected


@pytest.mark.parametrize("payload", [b"nonsense password", b"", b"\xff token", b'{"token":'])
def test_what_is_no_json_is_left_to_the_parser(payload: bytes) -> None:
    assert scrub(payload, DEFAULTS) == payload


@pytest.mark.parametrize(
    "text",
    ["token" * 200_000, "x" * 1_000_000, "4" * 1_000_000, "4 " * 500_000, "://a:" * 200_000, "-----BEGIN " * 90_000],
)
@pytest.mark.timeout(20)
def test_no_text_takes_long(text: str) -> None:
    scrubbed({"message": f"{text} password={text[:1]}"})


def test_secret_is_found_as_deep_as_a_payload_may_be() -> None:
    payload = b'{"a":' * 250 + b'{"token":"x"}' + b"}" * 250
    assert b'"x"' not in scrub(payload, DEFAULTS)


def test_too_deep_a_payload_is_left_to_be_refused() -> None:
    payload = b'{"a":' * 400 + b'{"token":"x"}' + b"}" * 400
    assert scrub(payload, DEFAULTS) == payload
    with pytest.raises(orjson.JSONEncodeError):
        orjson.dumps(orjson.loads(payload))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.just("token"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_scrubbing_twice_changes_nothing_more(value: object) -> None:
    once = scrubbed(value)
    assert scrubbed(once) == once


def test_error_event_keeps_its_shape() -> None:
    sent = error(request={"url": "http://h/?token=abc", "headers": [["Authorization", "Basic abcdefghij"]]})
    found = scrubbed(sent)
    assert found["request"] == {"url": f"http://h/?token={FILTERED}", "headers": [["Authorization", FILTERED]]}
    assert found["exception"] == sent["exception"]


@pytest.mark.parametrize(
    "text",
    ["5555 5555-5555 4444", "4111111111111111", "Bearer abcdef0123456789", "BASIC dXNlcjpwYXNzd29yZA==", "x://u:p@h/"],
)
def test_scan_sees_whatever_the_walk_would_replace(text: str) -> None:
    assert text not in str(scrubbed({"message": f"before {text} after"}))
    padded = "x" * 100_000 + f" {text}"
    assert text not in str(scrubbed({"message": padded}))
