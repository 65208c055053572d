"""What the SDK's transport does, ours does: the same envelopes arrive, and the same losses are counted."""

import gzip
import json
import math
import ssl
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk import Client
from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.transport import HttpTransport, _parse_rate_limits
from sentry_sdk.types import Event
from sentry_sdk.utils import Dsn
from urllib3 import Retry

from service.clock import utc_now
from service.sending.limits import LIMITS, PAUSE, read_limits
from service.sending.transport import FrugalTransport, _name_host
from tests.unit.service.sending.scripted import DEADLINE_S, OK, has_ipv6, run_scripted

KEY = "0123456789abcdef0123456789abcdef"


def _client(port: int, scheme: str = "http", **options: Any) -> Client:
    return Client(f"{scheme}://{KEY}@127.0.0.1:{port}/1", transport=FrugalTransport, **options)


def _items(envelope: bytes) -> list[tuple[dict[str, Any], Any]]:
    lines = envelope.split(b"\n")[1:-1]
    return [(json.loads(head), json.loads(body)) for head, body in zip(lines[::2], lines[1::2], strict=True)]


def _decoded(transport: HttpTransport, payload: object) -> list[tuple[dict[str, Any], Any]]:
    coding, body = transport._serialize_envelope(Envelope(items=[Item(PayloadRef(json=payload), type="event")]))
    assert coding == "gzip"
    items = _items(gzip.decompress(body.getvalue()))
    return [({**head, "length": None}, value) for head, value in items]  # in UTF-8 it is shorter than escaped


@pytest.mark.parametrize(
    "payload",
    [
        {"a": [1, 2.5, -0.0, 1e300, True, None, "é漢😀\u2028\x00\n"], "b": {"c": {}}},
        {"half of a pair": "\ud83d"},
        {"a number for Python only": 1 << 80},
        {},
    ],
)
def test_envelopes_say_what_the_sdks_say(payload: dict[str, Any]) -> None:
    options = {"_experiments": {"transport_compression_algo": "gzip"}}
    theirs = Client(f"http://{KEY}@127.0.0.1:9/1", transport=HttpTransport, **options)  # type: ignore[arg-type]
    ours = _client(9)
    assert isinstance(theirs.transport, HttpTransport)
    assert isinstance(ours.transport, FrugalTransport)
    assert _decoded(ours.transport, payload) == _decoded(theirs.transport, payload)


def test_what_is_no_json_is_refused_as_by_the_sdk() -> None:
    client = _client(9)
    assert isinstance(client.transport, FrugalTransport)
    for odd in (object(), {"a": object()}):
        with pytest.raises(TypeError):
            _decoded(client.transport, odd)


def test_an_event_arrives() -> None:
    with run_scripted([[OK, OK]]) as server:
        client = _client(server.port)
        for message in ("one", "two"):
            client.capture_event({"message": message, "contexts": {"odd": {"nan": math.nan}}})
        client.flush(DEADLINE_S)
        client.close()
    heads, bodies = zip(*server.requests, strict=True)
    assert heads[0].startswith(f"POST /api/1/envelope/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode())
    assert f"X-Sentry-Auth: Sentry sentry_key={KEY}".encode() in heads[0]
    assert b"Content-Encoding: gzip\r\n" in heads[0]
    events = [_items(gzip.decompress(body))[0] for body in bodies]
    assert [(head["type"], event["message"], event["contexts"]["odd"]) for head, event in events] == [
        ("event", "one", {"nan": "nan"}),
        ("event", "two", {"nan": "nan"}),
    ]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("where", "host"),
    [
        ("http://{key}@[::1]:9000/1", "[::1]:9000"),
        ("https://{key}@[2001:db8::1]/1", "[2001:db8::1]"),
        ("https://{key}@o1.ingest.example.org/1", "o1.ingest.example.org"),
        ("http://{key}@h:8080/1", "h:8080"),
    ],
)
def test_the_host_is_named_as_a_header_names_it(where: str, host: str) -> None:
    assert _name_host(Dsn(where.format(key=KEY))) == host


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine's loopback")
def test_a_dsn_may_name_an_ipv6_address_and_a_path() -> None:
    with run_scripted([[OK]], host="::1") as server:
        client = Client(f"http://{KEY}@[::1]:{server.port}/under/1", transport=FrugalTransport)
        client.capture_event({"message": "one"})
        client.flush(DEADLINE_S)
        client.close()
    [(head, _)] = server.requests
    assert head.startswith(f"POST /under/api/1/envelope/ HTTP/1.1\r\nHost: [::1]:{server.port}\r\n".encode())


def _reports(bodies: list[bytes]) -> dict[tuple[str, str], int]:
    found = [
        each
        for body in bodies
        for head, payload in _items(gzip.decompress(body))
        if head["type"] == "client_report"
        for each in payload["discarded_events"]
    ]
    return {(each["category"], each["reason"]): each["quantity"] for each in found}


def _transaction() -> Event:
    return {"type": "transaction", "transaction": "/a", "contexts": {"trace": {"trace_id": "1" * 32}}, "spans": []}


def test_a_rate_limit_is_kept_and_counted() -> None:
    limited = b"HTTP/1.1 429 X\r\nX-Sentry-Rate-Limits: 60:transaction:org\r\nContent-Length: 0\r\n\r\n"
    with run_scripted([[limited, OK, OK]]) as server:
        client = _client(server.port)
        client.capture_event(_transaction())
        client.flush(DEADLINE_S)
        client.capture_event(_transaction())  # not sent
        client.capture_event({"message": "an error is"})
        client.flush(DEADLINE_S)
        client.close()
    types = [_items(gzip.decompress(body))[0][0]["type"] for _, body in server.requests]
    assert types[:2] == ["transaction", "event"]
    assert _reports([body for _, body in server.requests])[("transaction", "ratelimit_backoff")] == 1


NO_PAUSE = ["abc", "", "-1", "1.5", "NaN", "inf", "\u00b2", "7, 8", "9" * 5000]
NO_DATE = [
    "2026-11-27T10:00:00Z",
    "27 Nov 2026",
    "Fri, 32 Foo 2026 10:00:00 GMT",
    "Fri, 27 Nov 99999999999 10:00:00 GMT",
]
NO_LIMITS = ["abc", "60", "10.5:error:org", "0::org", "-5::org", "99999999999999:error:org", f"{'9' * 5000}::org"]
ODD = [
    *(("Retry-After", each) for each in (*NO_PAUSE, *NO_DATE)),
    *(("X-Sentry-Rate-Limits", each) for each in NO_LIMITS),
]


def _refuse(status: int, *headers: tuple[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers), "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _send(client: Client, *messages: str) -> None:
    for message in messages:
        client.capture_event({"message": message})
        client.flush(DEADLINE_S)


def _held_back_for(transport: HttpTransport, category: Any = None) -> float:
    until = transport._disabled_until.get(category)
    return 0.0 if until is None else (until - utc_now()).total_seconds()


@pytest.mark.parametrize(("name", "value"), ODD)
def test_a_refusal_that_nobody_can_read_holds_back_for_a_minute_and_is_counted(name: str, value: str) -> None:
    with run_scripted([[_refuse(429, (name, value)), OK, OK]]) as server:
        client = _client(server.port)
        assert isinstance(client.transport, FrugalTransport)
        _send(client, "refused", "held back", "held back")
        assert len(server.requests) == 1
        assert 50 < _held_back_for(client.transport) <= 60
        client.transport._disabled_until.clear()  # a minute later
        _send(client, "sent")
        client.close()
    assert _reports([body for _, body in server.requests]) == {
        ("error", "network_error"): 1,
        ("error", "ratelimit_backoff"): 2,
    }


def test_what_was_counted_is_counted_again_when_nobody_took_it() -> None:
    answers = [_refuse(500), _refuse(429, ("Retry-After", "soon")), OK, OK]
    with run_scripted([answers]) as server:
        client = _client(server.port)
        assert isinstance(client.transport, FrugalTransport)
        client.capture_event({"message": "lost"})
        client.flush(DEADLINE_S)  # its report is refused
        client.transport._disabled_until.clear()
        client.flush(DEADLINE_S)
        client.close()
    reported = [_reports([body]) for _, body in server.requests[1:]]
    assert reported == [{("error", "network_error"): 1}] * 2


@pytest.mark.parametrize(
    ("headers", "category", "seconds"),
    [
        ([("Retry-After", " 7 ")], None, 7),
        ([("Retry-After", "0")], None, 60),
        ([("Retry-After", format_datetime(datetime(2026, 1, 1, tzinfo=UTC), usegmt=True))], None, 60),
        ([("Retry-After", format_datetime(datetime(2200, 1, 1, tzinfo=UTC), usegmt=True))], None, 6 * 3600),
        ([("Retry-After", "9" * 400)], None, 6 * 3600),
        ([("X-Sentry-Rate-Limits", "soon:error:org, 0090:error:org"), ("Retry-After", "odd")], "error", 90),
        ([("X-Sentry-Rate-Limits", "10.5:error:org"), ("Retry-After", "7")], None, 7),
    ],
)
def test_what_can_be_read_is_done_and_counted_by_sentry_alone(
    headers: list[tuple[str, str]], category: str | None, seconds: int
) -> None:
    with run_scripted([[_refuse(429, *headers)]]) as server:
        client = _client(server.port)
        assert isinstance(client.transport, FrugalTransport)
        _send(client, "refused")
        assert seconds - 10 < _held_back_for(client.transport, category) <= seconds
        client.transport._disabled_until.clear()
        assert client.transport._fetch_pending_client_report(force=True) is None
        client.close()


def test_a_limit_that_nobody_can_read_takes_no_envelope_with_it() -> None:
    """On an answer of success it means nothing; one that refuses is counted as ever."""
    odd = ("X-Sentry-Rate-Limits", "99999999999999:error:org")
    with run_scripted([[_refuse(200, odd), _refuse(500, odd), OK, OK]]) as server:
        client = _client(server.port)
        _send(client, "taken", "refused", "taken")
        client.close()
    assert _reports([body for _, body in server.requests]) == {("error", "network_error"): 1}


@given(st.sampled_from([LIMITS, PAUSE]), st.text(alphabet="0123456789:;,.+-aeJanFiGMT \u00b2\u0663") | st.text())
def test_what_is_left_of_a_header_the_sdk_reads(name: str, value: str) -> None:
    read = read_limits(name, value)
    if read is not None and name == LIMITS:
        assert list(_parse_rate_limits(read))
    elif read is not None:
        assert Retry().parse_retry_after(read) >= 0


def test_what_is_refused_or_cut_off_counts_as_lost() -> None:
    answers = [b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"]
    with run_scripted([answers, [OK]]) as server:
        client = _client(server.port)
        for _ in answers:
            client.capture_event({"message": "lost"})
        client.flush(DEADLINE_S)
        client.close()
    assert _reports([body for _, body in server.requests]) == {("error", "network_error"): 2}


def test_a_proxy_is_spoken_to_by_urllib3() -> None:
    with run_scripted([[OK]]) as proxy:
        client = _client(9, http_proxy=f"http://127.0.0.1:{proxy.port}")
        client.capture_event({"message": "by a proxy"})
        client.flush(DEADLINE_S)
        client.close()
    [(head, body)] = proxy.requests
    assert head.startswith(b"POST http://127.0.0.1:9/api/1/envelope/ HTTP/1.1\r\n")
    assert _items(gzip.decompress(body))[0][1]["message"] == "by a proxy"


def test_tls_needs_a_certificate_that_is_known(certificate: tuple[Path, Path]) -> None:
    key, made = certificate
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, key)
    with run_scripted([[OK, OK], *[[OK]] * 4], tls) as server:
        known = _client(server.port, "https", ca_certs=str(made))
        for message in ("one", "two"):
            known.capture_event({"message": message})
        known.flush(DEADLINE_S)
        known.close()
        assert server.connections == 1
        unknown = _client(server.port, "https")
        unknown.capture_event({"message": "three"})
        unknown.flush(DEADLINE_S)
        unknown.close()
    messages = [_items(gzip.decompress(body))[0][1].get("message") for _, body in server.requests]
    assert messages == ["one", "two"]
