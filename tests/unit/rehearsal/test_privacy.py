"""Secrets are found whatever was done to them on the way, and named by field."""

import base64
import json
import urllib.parse
from collections.abc import Callable

import pytest

from rehearsal.privacy.judge import _show_size
from rehearsal.privacy.search import Document, Hit, Search
from rehearsal.privacy.secret import KINDS, Mint

DISGUISES: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "upper case": lambda text: text.upper().encode(),
    "swapped case": lambda text: text.capitalize().swapcase().encode(),
    "JSON": lambda text: json.dumps(text).encode(),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})).encode(),
    "JSON escapes": lambda text: "".join(f"\\u{ord(char):04X}" for char in text).encode(),
    "URL": lambda text: urllib.parse.quote_plus(text).encode(),
    "URL escapes": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, offset 1": lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
    "base64, offset 2": lambda text: base64.urlsafe_b64encode(b"xy" + text.encode() + b"z"),
    "base64 of upper case": lambda text: base64.b64encode(b"x" + text.upper().encode()),
    "hex": lambda text: text.encode().hex().upper().encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "backwards": lambda text: text[::-1].encode(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_a_secret_is_found_in_every_disguise(kind: str, disguise: Callable[[str], bytes]) -> None:
    mint = Mint()
    secret, other = mint.make(kind, "here"), mint.make(kind, "there")
    search = Search(mint.mark, (other, secret))
    content = b"\x00before " + disguise(secret.value) + b" after"
    assert [hit.secret for hit in search.find(Document("body", content))] == [secret]


@pytest.mark.parametrize(("size_bytes", "shown"), [(0, "0.0 kB"), (7_340, "7.3 kB"), (20_700_000, "20.7 MB")])
def test_what_was_searched_is_never_shown_as_nothing(size_bytes: int, shown: str) -> None:
    assert _show_size(size_bytes) == shown


def test_what_holds_no_secret_is_clean() -> None:
    mint = Mint()
    search = Search(mint.mark, [mint.make(kind, "here") for kind in KINDS])
    other = Mint()
    content = json.dumps([other.make(kind, "there").value for kind in KINDS]).encode()
    assert search.is_clean(content)
    assert list(search.find(Document("body", content))) == []


def test_a_hit_names_the_field_of_a_document() -> None:
    mint = Mint()
    cookie, key, across = (mint.make("email", where) for where in ("header Cookie", "a key", "the body"))
    search = Search(mint.mark, (cookie, key, across))
    content = {
        "request": {"headers": [["cookie", f"a={cookie.value}"]]},
        "extra": {key.value: 1, across.core[:15]: across.core[15:]},
    }
    hits = set(search.find(Document("event item", json.dumps(content).encode())))
    assert hits == {
        Hit(cookie, "plain", "event item: request.headers[0][1]"),
        Hit(key, "plain", "event item: a key of extra"),
    }
    assert str(next(hit for hit in hits if hit.secret == cookie)) == (
        "event item: request.headers[0][1] holds the email from header Cookie (plain)"
    )


def test_a_hit_in_what_is_no_json_names_the_document() -> None:
    mint = Mint()
    secret = mint.make("token", "query of GET /a")
    found = Search(mint.mark, (secret,)).find(Document("request body", b"{" + secret.value.encode()))
    assert list(found) == [Hit(secret, "plain", "request body")]


def test_cards_pass_the_check_that_real_ones_pass() -> None:
    for _ in range(50):
        digits = [int(digit) for digit in reversed(Mint().make("card", "").value)]
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
        assert (sum(digits[::2]) + sum(doubled)) % 10 == 0
