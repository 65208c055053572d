"""What the SDK's transport does, ours does: the same envelopes arrive, and the same losses are counted."""

import gzip
import json
import math
import ssl
from pathlib import Path
from typing import Any

import pytest
from sentry_sdk import Client
from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.transport import HttpTransport
from sentry_sdk.types import Event
from sentry_sdk.utils import Dsn

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
