"""While an event loop sends, nothing is lost that a thread would not lose: all arrives, or is counted."""

import asyncio
import gzip
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvloop
from sentry_sdk import Client

from service.sending.loop_sender import LANES
from service.sending.transport import FrugalTransport
from tests.unit.service.sending.scripted import DEADLINE_S, OK, run_scripted

KEY = "0123456789abcdef0123456789abcdef"
ROOM = 10  # in the queue, of the tests that fill it


@dataclass
class Sentry:
    """Takes envelopes over many connections at once, and answers when it is told to."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    statuses: list[int] = field(default_factory=list)  # of the next answers; then 200
    bodies: list[bytes] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)
    port: int = 0

    def items(self, kind: str) -> list[Any]:
        """List the payloads of one type."""
        lines = [each for body in self.bodies for each in gzip.decompress(body).split(b"\n")[1:-1]]
        pairs = zip(lines[::2], lines[1::2], strict=True)
        return [json.loads(payload) for head, payload in pairs if json.loads(head)["type"] == kind]

    def messages(self) -> Counter[str]:
        """Count the errors that arrived, by their text."""
        return Counter(each["message"] for each in self.items("event"))

    def lost(self) -> dict[tuple[str, str], int]:
        """Add up what the SDK says that it has lost."""
        found: Counter[tuple[str, str]] = Counter()
        for report in self.items("client_report"):
            for each in report["discarded_events"]:
                found[each["category"], each["reason"]] += each["quantity"]
        return dict(found)


@contextmanager
def run_sentry() -> Iterator[Sentry]:
    """Serve one."""
    seen = Sentry()
    seen.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            seen.connections.add(self.client_address)
            seen.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            seen.may_answer.wait(DEADLINE_S)
            self.send_response(seen.statuses.pop(0) if seen.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield seen
        finally:
            seen.may_answer.set()
            server.shutdown()
            thread.join()


def make_client(port: int, **options: Any) -> tuple[Client, FrugalTransport]:
    client = Client(f"http://{KEY}@127.0.0.1:{port}/1", transport=FrugalTransport, **options)
    assert isinstance(client.transport, FrugalTransport)
    return client, client.transport


Run = Callable[..., Any]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Both event loops: gunicorn's workers run uvloop."""
    found: Run = request.param
    return found


async def flush(client: Client) -> None:
    """As the service does at its end: in a thread, while the event loop goes on."""
    await asyncio.to_thread(client.flush, DEADLINE_S)


def test_all_that_any_thread_brings_arrives_once(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> None:
        transport.attach()
        for number in range(30):
            client.capture_event({"message": f"here {number}"})
        await asyncio.to_thread(lambda: [client.capture_event({"message": f"there {number}"}) for number in range(30)])
        await flush(client)
        assert sum(sentry.messages().values()) == 60  # all of it, before it goes on
        transport.detach()

    with run_sentry() as sentry:
        run(send(*make_client(sentry.port)))
    assert set(sentry.messages().values()) == {1}
    assert len(sentry.messages()) == 60
    assert len(sentry.connections) <= LANES
    assert not [each for each in threading.enumerate() if each.name == "sentry-sdk.BackgroundWorker"]


def test_what_finds_the_queue_full_is_counted(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> None:
        transport.attach()
        sentry.may_answer.clear()
        for number in range(ROOM + 3):
            client.capture_event({"message": str(number)})
        assert not transport.is_healthy()  # what the SDK's back pressure goes by
        sentry.may_answer.set()
        await flush(client)
        assert transport.is_healthy()
        transport.detach()

    with run_sentry() as sentry:
        run(send(*make_client(sentry.port, transport_queue_size=ROOM)))
    assert len(sentry.messages()) == ROOM
    assert sentry.lost() == {("error", "queue_overflow"): 3}


def test_what_is_refused_is_counted_and_the_next_goes_on(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> None:
        transport.attach()
        for message in ("refused", "too large", "taken"):
            client.capture_event({"message": message})
            await flush(client)
        transport.detach()

    with run_sentry() as sentry:
        sentry.statuses += [500, 200, 413]  # between them the report of the first loss
        run(send(*make_client(sentry.port)))
    assert sentry.lost() == {("error", "network_error"): 1, ("error", "send_error"): 1}
    assert sentry.messages()["taken"] == 1


def test_nobody_there_is_counted_and_later_told(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> None:
        transport.attach()
        client.capture_event({"message": "lost"})
        assert transport._sender is not None
        assert await asyncio.to_thread(transport._sender.wait, DEADLINE_S)
        transport.detach()

    client, transport = make_client(9)
    run(send(client, transport))
    report = transport._fetch_pending_client_report(force=True)
    assert report is not None
    [found] = json.loads(report.get_bytes())["discarded_events"]
    assert found == {"reason": "network_error", "category": "error", "quantity": 1}


def test_a_limit_is_kept_and_counted_when_it_is_over(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> None:
        transport.attach()
        for message in ("answered with 429", "held back"):
            client.capture_event({"message": message})
            await flush(client)
        transport._disabled_until.clear()  # a minute later
        await flush(client)
        transport.detach()

    with run_sentry() as sentry:
        sentry.statuses.append(429)
        run(send(*make_client(sentry.port)))
    assert sentry.messages() == {"answered with 429": 1}
    assert sentry.lost() == {("error", "network_error"): 1, ("error", "ratelimit_backoff"): 1}


def test_asked_to_wait_for_itself_the_event_loop_has_the_thread_send(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> None:
        transport.attach()
        for number in range(5):
            client.capture_event({"message": str(number)})
        client.flush(DEADLINE_S)
        assert len(sentry.messages()) == 5
        transport.detach()

    with run_sentry() as sentry:
        client, transport = make_client(sentry.port)
        run(send(client, transport))
        client.close()


def test_at_the_end_the_thread_sends_what_is_left(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> None:
        transport.attach()
        client.capture_event({"message": "left"})
        transport.detach()
        client.capture_event({"message": "after"})

    with run_sentry() as sentry:
        client, transport = make_client(sentry.port)
        run(send(client, transport))
        client.flush(DEADLINE_S)
        client.close()
    assert sentry.messages() == {"left": 1, "after": 1}


def test_when_an_event_loop_ends_without_a_word_the_thread_sends_what_was_not_on_its_way(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> None:
        transport.attach()
        for number in range(ROOM):
            client.capture_event({"message": str(number)})

    with run_sentry() as sentry:
        client, transport = make_client(sentry.port)
        run(send(client, transport))
        client.capture_event({"message": "after"})
        client.flush(DEADLINE_S)
        client.close()
    assert sentry.lost() == {("error", "network_error"): LANES}
    assert sum(sentry.messages().values()) == ROOM - LANES + 1


def test_over_tls_the_certificate_must_be_known(run: Run, certificate: tuple[Path, Path]) -> None:
    key, made = certificate
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, key)

    async def send(message: str, port: int, **options: Any) -> None:
        client = Client(f"https://{KEY}@127.0.0.1:{port}/1", transport=FrugalTransport, **options)
        assert isinstance(client.transport, FrugalTransport)
        client.transport.attach()
        client.capture_event({"message": message})
        await flush(client)
        client.transport.detach()

    with run_scripted([[OK], *[[OK]] * 4], tls) as server:
        run(send("known", server.port, ca_certs=str(made)))
        run(send("unknown", server.port))
    [(_, body)] = server.requests
    assert b'"message":"known"' in gzip.decompress(body)


def test_flushing_ends_at_its_limit(run: Run) -> None:
    async def send(client: Client, transport: FrugalTransport) -> float:
        transport.attach()
        sentry.may_answer.clear()
        client.capture_event({"message": "waits"})
        begun = asyncio.get_running_loop().time()
        await asyncio.to_thread(client.flush, 0.3)
        took = asyncio.get_running_loop().time() - begun
        transport.detach()
        return took

    with run_sentry() as sentry:
        took = run(send(*make_client(sentry.port)))
    assert 0.3 <= took < DEADLINE_S / 2
