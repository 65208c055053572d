"""What must not be stored, and what must not be harmed."""

import json
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.scrub import FILTERED, MAX_KNOWN_TEXTS, _walk, scrub
from embedded.suspects import MAX_MATCHES, Everything, Scrubbing
from tests.unit.embedded.fakes import error, transaction

DEFAULTS = Scrubbing()
CARD = "4111 1111 1111 1111"


def scrubbed(value: object, settings: Scrubbing = DEFAULTS) -> Any:
    payload, parsed = scrub(orjson.dumps(value), settings)
    assert orjson.loads(payload) == parsed
    return parsed


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
    assert scrub(payload, DEFAULTS)[1] == {"extra": {"password": FILTERED}}


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
    assert scrub(payload, DEFAULTS)[0] is payload


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
def test_what_is_no_json_is_refused(payload: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        scrub(payload, DEFAULTS)


@pytest.mark.parametrize(
    "text",
    ["token" * 200_000, "x" * 1_000_000, "4" * 1_000_000, "4 " * 500_000, "://a:" * 200_000, "-----BEGIN " * 90_000],
)
@pytest.mark.timeout(20)
def test_no_text_takes_long(text: str) -> None:
    scrubbed({"message": f"{text} password={text[:1]}"})


def test_secret_is_found_as_deep_as_a_payload_may_be() -> None:
    payload = b'{"a":' * 250 + b'{"token":"x"}' + b"}" * 250
    assert b'"x"' not in scrub(payload, DEFAULTS)[0]


def test_too_deep_a_payload_is_refused() -> None:
    payload = b'{"a":' * 400 + b'{"token":"x"}' + b"}" * 400
    with pytest.raises(orjson.JSONEncodeError):
        scrub(payload, DEFAULTS)


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


def test_text_that_comes_again_is_scrubbed_again_and_leaves_no_secret_in_memory() -> None:
    settings = Scrubbing(sensitive_fields=("comes_again",))  # a walk of its own
    payload = orjson.dumps({"short": "comes_again=hunter2&page=1", "long": f"x={'.' * 3_000}&comes_again=hunter3"})
    for _ in range(2):
        found = orjson.loads(scrub(payload, settings)[0])
        assert found["short"] == f"comes_again={FILTERED}&page=1"
        assert "hunter3" not in found["long"]
    assert list(_walk(settings)._scrubbed.values()) == [found["short"]]
    assert b"hunter2" not in b"".join(_walk(settings)._scrubbed)


def test_texts_that_are_remembered_are_bounded() -> None:
    settings = Scrubbing(sensitive_fields=("bounded",))
    for first in range(0, MAX_KNOWN_TEXTS + 400, 400):
        texts = [f"bounded={number}" for number in range(first, first + 400)]
        assert set(orjson.loads(scrub(orjson.dumps(texts), settings)[0])) == {f"bounded={FILTERED}"}
    assert 0 < len(_walk(settings)._scrubbed) <= MAX_KNOWN_TEXTS


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


@pytest.mark.parametrize(
    "payload",
    [
        b'{"thread.id":"140556937901760","id":"4111111111111111abc","at":1795442909420,"hex":"a4111111111111111"}',
        b'{"list":[[1,2],["a","b"]],"text":"a\\nb\\t\\"c\\" \\\\","url":"http://user@host:80/x"}',
    ],
)
def test_what_only_resembles_a_secret_is_not_walked(payload: bytes) -> None:
    assert scrub(payload, DEFAULTS)[0] is payload


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"[4111111111111111]", [FILTERED]),
        (b"4111111111111111", FILTERED),
        (b'{"a":-4111111111111111,"b":"c"}', {"a": FILTERED, "b": "c"}),
        (b'{"a":4111111111111111,"b":"4111111111111111"}', {"a": FILTERED, "b": FILTERED}),
        (b'["x\\n4111111111111111","\\"4111111111111111\\""]', [f"x\n{FILTERED}", f'"{FILTERED}"']),
        (b'["\\\\","4111111111111111"]', ["\\", FILTERED]),
        (b'["http:\\/\\/user:hunter2@host\\/"]', [f"http://user:{FILTERED}@host/"]),
        (b'{"a" : {"token" : {"b" : [1]}}, "c" : "token"}', {"a": {"token": FILTERED}, "c": "token"}),
    ],
)
def test_scan_reads_json_as_it_is_written(payload: bytes, expected: object) -> None:
    assert scrub(payload, DEFAULTS)[1] == expected


def test_more_matches_than_are_named_are_all_scrubbed() -> None:
    texts = [f"token=abc{number}" for number in range(2 * MAX_MATCHES)]
    assert scrubbed({"extra": {"list": texts}}) == {"extra": {"list": [f"token={FILTERED}"] * len(texts)}}


RISKY = st.sampled_from(
    ["token", "token=abc", CARD, "4111111111111111", "Basic abcdefghij", "http://u:p@h", '"', "\\", "\n", " ", "é", "a"]
)
RISKY_TEXT = st.lists(RISKY, max_size=4).map("".join)
RISKY_JSON = st.recursive(
    RISKY_TEXT | st.sampled_from([4111111111111111, 1, 1.5, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(RISKY_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(RISKY_JSON, st.booleans())
def test_scan_hides_nothing_from_the_walk(value: object, is_escaped: bool) -> None:
    """Whatever the walk would replace if it looked at everything, it replaces."""
    payload = json.dumps(value, ensure_ascii=is_escaped).encode()
    assert scrub(payload, DEFAULTS)[1] == _walk(DEFAULTS).whole(orjson.loads(payload), Everything(set()))
