"""What strangers send: Relay's answer to each, one row per input; where this engine differs, the row says why."""

import base64
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from tests.path.engine import Engine, FramedItem, Project, envelope, error, start_engine, transaction

NOBODY = "f" * 32
KIB, MIB = 1024, 1024 * 1024
LOG, SPAN = "application/vnd.sentry.items.log+json", "application/vnd.sentry.items.span.v2+json"
DASHED = "4c79f60c-1121-4eb3-8604-f4ae0781bfb2"


@dataclass(frozen=True)
class Row:
    """One request and its answer. `{key}` and `{id}` stand for the project's own."""

    what: str
    status: int
    body: bytes = b"{}\n"
    headers: dict[str, str] | None = None  # None: authorised by X-Sentry-Auth
    path: str = "/api/{id}/envelope/"
    method: str = "POST"
    says: str = ""  # part of the answer's detail or causes
    books: dict[tuple[str, str, str], int] | None = None  # what is booked; None: not looked at
    differs: str = ""  # from Relay, and why


def item(header: bytes, payload: bytes = b"") -> bytes:
    return b"{}\n" + header + b"\n" + payload


def items(*framed: FramedItem) -> bytes:
    return envelope(*framed)


def event(payload: object) -> bytes:
    return envelope(("event", payload), event_id=uuid4().hex)


def broken(**changes: Any) -> bytes:
    return envelope(("transaction", transaction(**changes)))


def trace(**changes: object) -> dict[str, Any]:
    return {"trace": {"trace_id": "a" * 32, "span_id": "b" * 16} | changes}


def report(quantity: object, **fields: object) -> bytes:
    row = {"reason": "r", "category": "error", "quantity": quantity}
    return envelope(("client_report", {"discarded_events": [row, row]} | fields))


def invalid_logs(entries: int) -> dict[tuple[str, str, str], int]:
    size = len(orjson.dumps(LOGS))
    return {("log_item", "invalid", "invalid_log"): entries, ("log_byte", "invalid", "invalid_log"): size}


LOGS = {"items": [{"body": "a"}, {"body": "b"}]}
AUTH = {"x-sentry-auth": "Sentry sentry_key={key}, sentry_version=7"}
RAVEN = {"x-sentry-auth": "Sentry sentry_key={key}, sentry_client=raven-python/6.10"}
STORE = "/api/{id}/store/"
ACCEPTED = {("error", "accepted", ""): 1}
INVALID_JSON = {("error", "invalid", "invalid_json"): 1}
INVALID_TRANSACTION = {
    ("transaction", "invalid", "invalid_transaction"): 1,
    ("span", "invalid", "invalid_transaction"): 1,
}
KEPT_TRANSACTION = {("transaction", "accepted", ""): 1, ("span", "accepted", ""): 1}
MALFORMED = {("default", "invalid", "invalid_envelope"): 1}
UNBOOKED: dict[tuple[str, str, str], int] = {}

ROWS = [
    # Who sends
    Row("01 no auth anywhere", 401, headers={}, says="bad envelope authentication header"),
    Row("02 store without auth", 401, b"{}", {}, STORE, says="missing authorization information"),
    Row("03 empty auth header", 401, headers={"x-sentry-auth": ""}, says="bad envelope authentication header"),
    Row(
        "03 auth header of another scheme, DSN inside",
        200,
        b'{"dsn":"http://{key}@host/{id}"}\n',
        {"x-sentry-auth": "x"},
    ),
    Row("04 no key", 401, headers={"x-sentry-auth": "Sentry sentry_version=7"}, says="bad x-sentry-auth header"),
    Row("05 version is no number", 401, headers={"x-sentry-auth": "Sentry sentry_key={key}, sentry_version=foo"}),
    Row(
        "06 version 8",
        400,
        headers={"x-sentry-auth": "Sentry sentry_key={key}, sentry_version=8"},
        says="unsupported protocol",
    ),
    Row(
        "07 header and query", 401, path="/api/{id}/envelope/?sentry_key={key}", says="multiple authorization payloads"
    ),
    Row("08 key of 31 characters", 400, headers={"x-sentry-auth": "Sentry sentry_key=" + "a" * 31}, says="public key"),
    Row(
        "08 key of 32 other characters",
        400,
        headers={"x-sentry-auth": "Sentry sentry_key=" + "\u00e9" * 32},
        says="public key",
    ),
    Row("09 project is no number", 400, path="/api/foo/envelope/", says="bad project path parameter"),
    Row("10 unknown key", 403, headers={"x-sentry-auth": f"Sentry sentry_key={NOBODY}"}, says="ProjectId"),
    Row("11 another project", 403, path="/api/99999/envelope/", says="ProjectId"),
    Row("12 DSN of another project", 400, b'{"dsn":"http://{key}@host/99999"}\n', says="project id header mismatch"),
    Row(
        "13 DSN of another key",
        400,
        b'{"dsn":"http://%b@host/{id}"}\n' % NOBODY.encode(),
        says="public key header mismatch",
    ),
    Row(
        "14 origin of another site",
        400,
        b'{"origin":"http://a"}\n',
        {**AUTH, "origin": "http://b"},
        says="origin header mismatch",
    ),
    # The request
    Row("16 GET", 405, method="GET"),
    Row("17 preflight", 200, method="OPTIONS"),
    Row("18 double slashes", 200, b'{"event_id":"%b"}' % DASHED.encode(), path="/api//{id}/store//"),
    Row("19 empty body", 400, b"", says="empty request body", books={("default", "invalid", "no_data"): 1}),
    Row("20 blank body", 400, b" \n", says="missing envelope header", books=MALFORMED),
    Row("21 header is no JSON", 400, b"nonsense\n", says="invalid envelope header", books=MALFORMED),
    Row("21 header is an array", 400, b"[]\n", says="invalid envelope header"),
    Row("21 header is a text", 400, b'"x"\n', says="invalid envelope header"),
    Row("22 header cut short", 400, b'{"event_id":"4c', says="invalid envelope header"),
    Row("23 header only", 200, books=UNBOOKED),
    Row("24 event id is none", 400, b'{"event_id":"x"}\n', says="invalid envelope header"),
    Row("25 sent_at null", 200, b'{"sent_at":null}\n'),
    Row("25 sent_at is none", 400, b'{"sent_at":"yesterday"}\n', says="invalid envelope header"),
    Row(
        "25 sent_at twice",
        200,
        b'{"sent_at":null,"sent_at":null}\n',
        differs="Relay: 400; the last of two keys is read here as everywhere else (row 69)",
    ),
    Row("26 trace is none", 200, b'{"trace":"garbage"}\n'),
    Row("27 CRLF", 400, b"{}\r\n", says="missing newline after header or payload"),
    Row("27 space after the header", 400, b"{} \n", says="missing newline after header or payload"),
    Row("28 header is not UTF-8", 400, b'{"a":"\xff"}\n', says="invalid envelope header"),
    # Items
    Row("29 item header is no JSON", 400, item(b"nonsense"), says="invalid item header"),
    Row("30 item without type", 400, item(b"{}"), says="invalid item header"),
    Row("30 type is a number", 400, item(b'{"type":5}'), says="invalid item header"),
    Row("31 unknown type", 200, item(b'{"type":"from_the_future"}', b"x"), books={("default", "accepted", ""): 1}),
    Row("32 unknown attachment type", 200, item(b'{"type":"attachment","attachment_type":"x"}', b"x")),
    Row("33 length beyond the end", 400, item(b'{"type":"event","length":5}', b"{}"), says="unexpected end of file"),
    Row("34 length too short", 400, item(b'{"type":"event","length":1}', b"{}"), says="missing newline"),
    Row("35 negative length", 400, item(b'{"type":"event","length":-1}', b"{}"), says="invalid item header"),
    Row("35 length is a text", 400, item(b'{"type":"event","length":"2"}', b"{}"), says="invalid item header"),
    Row("35 length is a fraction", 400, item(b'{"type":"event","length":1.5}', b"{}"), says="invalid item header"),
    Row("36 length 2^64-1", 400, item(b'{"type":"event","length":18446744073709551615}', b"{}")),
    Row("37 last item empty, length 0", 200, item(b'{"type":"attachment","length":0}')[:-1]),
    Row("38 last item is its header", 200, item(b'{"type":"attachment"}')[:-1]),
    Row(
        "39 newline in a payload without length",
        400,
        item(b'{"type":"event"}', b'{\n"a":1}'),
        says="invalid item header",
    ),
    Row("40 two newlines at the end", 400, item(b'{"type":"event","length":2}', b"{}\n\n")),
    Row(
        "41 CRLF in an attachment",
        200,
        item(b'{"type":"attachment","length":4}', b"a\r\nb"),
        books={("attachment", "accepted", ""): 4, ("attachment_item", "accepted", ""): 1},
    ),
    Row("42 event is no JSON", 200, event(b"nonsense"), books=INVALID_JSON),
    # The store route
    Row("43 store: no JSON", 400, b"{nonsense", path=STORE, says="invalid JSON data"),
    Row(
        "44 store: NaN of an old Python client", 200, b'{"extra":{"a":NaN,"b":-Infinity}}', RAVEN, STORE, books=ACCEPTED
    ),
    Row("44 store: NaN of another client", 400, b'{"extra":{"a":NaN}}', path=STORE, says="invalid JSON data"),
    Row(
        "45 store: base64 of zlib", 200, base64.b64encode(zlib.compress(b'{"message":"x"}')), path=STORE, books=ACCEPTED
    ),
    Row("45 store: base64 of JSON", 200, base64.b64encode(b'{"message":"x"}'), path=STORE, books=ACCEPTED),
    Row("45 store: base64 that is none", 400, b"nonsense!", path=STORE, says="invalid request body"),
    Row(
        "46 store: GET",
        200,
        b"",
        {},
        STORE + "?sentry_key={key}&sentry_data=" + base64.urlsafe_b64encode(b'{"message":"ab"}').decode(),
        "GET",
        books=ACCEPTED,
    ),
    # Sizes and counts
    Row(
        "47 two events",
        413,
        items(("event", error()), ("event", error())),
        says="'event'",
        books={("error", "invalid", "too_large"): 2},
    ),
    Row("47 event and transaction", 413, items(("event", error()), ("transaction", transaction()))),
    Row("48 event of 1 MiB and a byte", 413, items(("event", b"x" * (MIB + 1))), says="'event'"),
    Row("48 event of 1 MiB", 200, items(("event", b"x" * MIB)), books=INVALID_JSON),
    Row(
        "49 more than 200 MiB decompressed",
        413,
        gzip.compress(bytes(201 * MIB), 1),
        {**AUTH, "content-encoding": "gzip"},
        books={("default", "invalid", "too_large"): 1},
    ),
    Row("51 gzip that is none", 400, b"\x1f\x8bnonsense", {**AUTH, "content-encoding": "gzip"}),
    Row("52 unknown encoding", 415, headers={**AUTH, "content-encoding": "foo"}),
    Row("52 stacked encodings", 415, headers={**AUTH, "content-encoding": "gzip, gzip"}),
    Row("53 empty encoding", 200, headers={**AUTH, "content-encoding": ""}),
    Row("53 encoding is a charset", 200, headers={**AUTH, "content-encoding": "UTF-8"}),
    Row(
        "54 another content type", 200, event(error()), {**AUTH, "content-type": "multipart/form-data"}, books=ACCEPTED
    ),
    Row("55 31 attachments", 413, items(*[("attachment", b"")] * 31)),
    Row("55 101 sessions", 413, items(*[("session", {})] * 101)),
    Row("55 101 client reports", 413, items(*[("client_report", {})] * 101)),
    Row("55 26 standalone spans", 413, items(*[("span", {})] * 26)),
    Row("56 two logs", 413, items(("log", LOGS), ("log", LOGS))),
    Row("56 two span containers", 413, items(*[("span", {}, {"content_type": SPAN})] * 2)),
    Row("56 two check-ins", 413, items(*[("check_in", {})] * 2)),
    Row("56 profile and profile chunk", 413, items(("profile", {}), ("profile_chunk", {}))),
    Row("57 log without item_count", 200, items(("log", LOGS, {"content_type": LOG})), books=invalid_logs(1)),
    Row(
        "57 log with another item_count",
        200,
        items(("log", LOGS, {"content_type": LOG, "item_count": 3})),
        books=invalid_logs(3),
    ),
    Row(
        "58 log of another content type",
        200,
        items(("log", LOGS, {"content_type": "application/json", "item_count": 2})),
        books=invalid_logs(2),
    ),
    Row("59 huge item_count, small container", 200, items(("log", LOGS, {"content_type": LOG, "item_count": 10**12}))),
    Row(
        "59 huge item_count, container over 12 MiB",
        413,
        items(("log", b"x" * (12 * MIB + 1), {"content_type": LOG, "item_count": 10**9})),
    ),
    Row("60 Relay's own item", 400, item(b'{"type":"integration"}', b"{}"), says="envelope contains internal items"),
    # Payloads
    Row("61 no trace context", 200, broken(contexts={}), books=INVALID_TRANSACTION),
    Row("61 no span id", 200, broken(contexts=trace(span_id=None)), books=INVALID_TRANSACTION),
    Row("61 no start", 200, broken(start_timestamp=None), books=INVALID_TRANSACTION),
    Row("61 end before start", 200, broken(start_timestamp=2e9, timestamp=1e9), books=INVALID_TRANSACTION),
    Row(
        "61 span ends before its start",
        200,
        broken(spans=[{"start_timestamp": 2, "timestamp": 1}]),
        books={("transaction", "invalid", "invalid_transaction"): 1, ("span", "invalid", "invalid_transaction"): 2},
    ),
    Row("62 trace id is none", 200, broken(contexts=trace(trace_id="zz")), books=INVALID_TRANSACTION),
    Row("62 trace id of zeros", 200, broken(contexts=trace(trace_id="0" * 32)), books=KEPT_TRANSACTION),
    Row("63 spans and measurements are none", 200, broken(spans="x", measurements=5), books=KEPT_TRANSACTION),
    Row("64 event of 1970", 200, event(error(timestamp=0)), books=ACCEPTED),
    Row("64 event of yesterday", 200, event(error(timestamp="yesterday")), books=ACCEPTED),
    Row("65 1000 levels", 200, event(b'{"a":' * 1000 + b"1" + b"}" * 1000), books=INVALID_JSON),
    Row(
        "65 200 levels",
        200,
        event(b'{"a":' * 200 + b"1" + b"}" * 200),
        books=ACCEPTED,
        differs="Relay: invalid_json past 128 levels; here past 254, which is what orjson writes",
    ),
    Row("66 lone surrogate", 200, event(b'{"message":"\\ud800"}'), books=INVALID_JSON),
    Row("67 NUL", 200, event({"message": "a\u0000b", "tags": {"a\u0000": "\u0000"}}), books=ACCEPTED),
    Row(
        "68 invalid UTF-8",
        200,
        event(b'{"message":"\xff"}'),
        books=INVALID_JSON,
        differs="Relay's binding replaces the bytes; here it is no JSON, and the books say so",
    ),
    Row("69 duplicate keys", 200, event(b'{"message":"a","message":"b"}'), books=ACCEPTED),
    Row(
        "70 event is an array",
        200,
        event([]),
        books=INVALID_JSON,
        differs="Relay keeps an empty event; here an event that says nothing opens no issue",
    ),
    Row(
        "71 wrong level, platform, environment, release",
        200,
        event(error(level="x", platform=5, environment=[], release={})),
        books=ACCEPTED,
    ),
    Row("72 100 KB message", 200, event({"message": "x" * 100_000, "tags": {"a" * 300: "b" * 300}}), books=ACCEPTED),
    Row(
        "73 tags as pairs, twice, null, empty",
        200,
        event(error(tags=[["a", "1"], ["a", "2"], ["b", None], ["", "c"], 5])),
        books=ACCEPTED,
    ),
    # Client reports
    Row("74 report is no JSON", 200, items(("client_report", b"nonsense")), books=UNBOOKED),
    Row("74 negative quantity", 200, report(-5), books=UNBOOKED),
    Row("75 report of next year", 200, report(1, timestamp=4e9), books=UNBOOKED),
    Row("75 report of long ago", 200, report(1, timestamp=1e9), books=UNBOOKED),
    Row(
        "76 long reason",
        200,
        items(("client_report", {"discarded_events": [{"reason": "r" * 201, "category": "error", "quantity": 1}]})),
        books=UNBOOKED,
    ),
    Row("77 the same pair twice", 200, report(42), books={("error", "client_discard", "r"): 84}),
    Row("82 spoofed X-Forwarded-For", 200, headers={**AUTH, "x-forwarded-for": "'; DROP TABLE"}),
    # Beyond Relay's table
    Row("forged sample rate", 200, envelope(("transaction", transaction()), trace={"sample_rate": "1e-300"})),
    Row("forged client report", 200, report(2**31), books={("error", "client_discard", "r"): 1_000_000_000}),
    Row("no last slash", 404, path="/api/{id}/envelope"),
    Row("security: wrong content type", 415, b"{}", {**AUTH, "content-type": "text/html"}, "/api/{id}/security/"),
    Row("check-in: unknown status", 400, b"", path="/api/{id}/cron/nightly/?status=x"),
    Row(
        "OTLP: wrong content type",
        415,
        b"{}",
        {**AUTH, "content-type": "text/plain"},
        "/api/{id}/integration/otlp/v1/traces/",
    ),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all rows; each row has a project of its own."""
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    yield engine
    assert engine.end() in (0, -15), (engine.data_dir / "log").read_text()
    assert "Traceback" not in (engine.data_dir / "log").read_text()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_answer_is_relays(engine: Engine, row: Row) -> None:
    project = engine.project(f"p-{uuid4().hex[:8]}")
    answer = ask(project, row)
    assert answer.status_code == row.status, answer.text
    assert row.says in answer.text
    assert (answer.headers.get("access-control-allow-origin") == "*") is (row.status != 404)
    if row.books is not None:
        assert project.outcomes() == row.books


def ask(project: Project, row: Row) -> httpx.Response:
    def fill(text: str) -> str:
        return text.replace("{key}", project.key).replace("{id}", str(project.id))

    headers = AUTH if row.headers is None else row.headers
    body = row.body.replace(b"{key}", project.key.encode()).replace(b"{id}", str(project.id).encode())
    return project.engine.client.request(
        row.method,
        project.engine.url + fill(row.path),
        content=body,
        headers=[(name.encode(), fill(value).encode("latin-1")) for name, value in headers.items()],
    )


def test_event_of_rows_that_are_kept_can_be_read_back(engine: Engine) -> None:
    """Rows 64, 67, 69, 73: what was accepted is what the API shows."""
    project = engine.project(f"p-{uuid4().hex[:8]}")
    sent = error(message="a\u0000b", tags=[["a", "1"], ["a", "2"], ["b", None], ["", "c"]])
    sent["timestamp"] = "yesterday"
    project.send(("event", sent))
    event = engine.ask("GET", f"/projects/sentry/{project.slug}/events/{sent['event_id']}/")
    assert event["tags"] == [{"key": "a", "value": "1"}]
    assert orjson.dumps(event)
