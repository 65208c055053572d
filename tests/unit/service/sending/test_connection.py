"""Envelopes are posted over one connection, whatever the other side answers, or does not."""

import asyncio
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from service.sending.connection import RESPONSE_LIMIT, Address, BadResponseError, Connection, Response, _is_readable
from service.sending.stream import Stream
from tests.unit.service.sending.scripted import CLOSE, DEADLINE_S, OK, run_scripted

TARGET = "/api/1/envelope/"
HEADERS = {"Host": "h", "X-Sentry-Auth": "Sentry sentry_key=a"}


class OnLoop:
    """A stream with an event loop of its own, which runs while it posts."""

    def __init__(self, address: Address) -> None:
        self._runner = asyncio.Runner()
        self._stream = Stream(address)

    def post(self, target: str, headers: dict[str, str], body: bytes) -> Response:
        return self._runner.run(self._stream.post(target, headers, body))

    def close(self) -> None:
        async def close() -> None:
            self._stream.close()

        self._runner.run(close())
        self._runner.run(asyncio.sleep(0))  # it hears of its end

    def end(self) -> None:
        self.close()
        self._runner.close()

    def is_stale(self) -> bool:
        self._runner.run(asyncio.sleep(0))
        return not self._stream.is_open


class InThread(Connection):
    """A connection, and what a test asks of it."""

    def end(self) -> None:
        self.close()

    def is_stale(self) -> bool:
        assert self._socket is not None
        return _is_readable(self._socket)


Poster = OnLoop | InThread
Connect = Callable[..., Poster]


@pytest.fixture(params=[OnLoop, InThread])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Both ways to post: what is true of one is of the other."""
    made: list[Poster] = []

    def make(port: int, timeout_s: float = DEADLINE_S) -> Poster:
        made.append(request.param(Address("127.0.0.1", port, None, timeout_s)))
        return made[-1]

    yield make
    for each in made:
        each.end()


def test_requests_share_a_connection(connect: Connect) -> None:
    with run_scripted([[OK, OK]]) as server:
        connection = connect(server.port)
        answers = [connection.post(TARGET, HEADERS, body) for body in (b"one", b"\x00two\r\n")]
        connection.close()
    assert [(each.status, each.data) for each in answers] == [(200, b"{}")] * 2
    assert server.connections == 1
    head = b"POST /api/1/envelope/ HTTP/1.1\r\nHost: h\r\nX-Sentry-Auth: Sentry sentry_key=a\r\nContent-Length: "
    assert server.requests == [(head + b"3\r\n", b"one"), (head + b"6\r\n", b"\x00two\r\n")]


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
def test_after_an_answer_with_an_end_the_connection_stays(connect: Connect, answer: bytes, data: bytes) -> None:
    with run_scripted([[answer, OK]]) as server:
        connection = connect(server.port)
        assert connection.post(TARGET, HEADERS, b"a").data == data
        assert connection.post(TARGET, HEADERS, b"b").status == 200
        connection.close()
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\nup to the end", b"up to the end"),
    ],
)
def test_after_an_answer_that_ends_it_another_connection_is_opened(
    connect: Connect, answer: bytes, data: bytes
) -> None:
    with run_scripted([[answer], [OK]]) as server:
        connection = connect(server.port)
        assert connection.post(TARGET, HEADERS, b"a").data == data
        assert connection.post(TARGET, HEADERS, b"b").status == 200
        connection.close()
    assert server.connections == 2


@pytest.mark.parametrize("more", [OK.replace(b"200 OK", b"429 No"), b"no HTTP\r\n\r\n", b"HTTP/1.1 500"])
def test_what_follows_an_answer_is_no_part_of_it_and_ends_the_connection(connect: Connect, more: bytes) -> None:
    with run_scripted([[OK + more], [OK]]) as server:
        connection = connect(server.port)
        got = connection.post(TARGET, HEADERS, b"a")
        assert (got.status, got.data, got.headers.get_list("content-length")) == (200, b"{}", ["2"])
        assert connection.post(TARGET, HEADERS, b"b").status == 200
        connection.close()
    assert server.connections == 2


def test_headers_are_read_whatever_their_case(connect: Connect) -> None:
    answer = b"HTTP/1.1 429 Slow Down\r\nx-SENTRY-rate-limits: 60::org\r\nretry-after: 7\r\nContent-Length: 0\r\n\r\n"
    with run_scripted([[answer]]) as server:
        connection = connect(server.port)
        got = connection.post(TARGET, HEADERS, b"a")
        connection.close()
    assert (got.status, got.headers["X-Sentry-Rate-Limits"], got.headers["Retry-After"]) == (429, "60::org", "7")


def test_a_connection_that_was_closed_meanwhile_is_not_written_into(connect: Connect) -> None:
    with run_scripted([[OK], [OK]]) as server:
        connection = connect(server.port)
        connection.post(TARGET, HEADERS, b"a")
        deadline = time.monotonic() + DEADLINE_S
        while not connection.is_stale():
            assert time.monotonic() < deadline, "the server did not close"
            time.sleep(0.01)
        assert connection.post(TARGET, HEADERS, b"b").status == 200
        connection.close()
    assert [body for _, body in server.requests] == [b"a", b"b"]


@pytest.mark.parametrize(
    "answer",
    [
        CLOSE,
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (RESPONSE_LIMIT + 1),
    ],
)
def test_a_bad_answer_is_an_error_and_the_next_request_begins_anew(connect: Connect, answer: bytes) -> None:
    with run_scripted([[answer], [OK]]) as server:
        connection = connect(server.port)
        with pytest.raises((BadResponseError, ConnectionResetError)):
            connection.post(TARGET, HEADERS, b"a")
        assert connection.post(TARGET, HEADERS, b"b").status == 200
        connection.close()


def test_nobody_there_is_an_error(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        connect(port).post(TARGET, HEADERS, b"a")


def test_silence_ends_at_the_limit(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(TimeoutError):
        connect(listener.getsockname()[1], timeout_s=0.2).post(TARGET, HEADERS, b"a")


def test_an_answer_that_trickles_ends_at_the_limit_too(connect: Connect) -> None:
    is_over = threading.Event()

    def trickle(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with accepted:
            while not is_over.wait(0.05):
                try:
                    accepted.sendall(b"\r\n")  # empty lines may come before an answer
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        with pytest.raises(TimeoutError):
            connect(listener.getsockname()[1], timeout_s=0.4).post(TARGET, HEADERS, b"a")
        is_over.set()
        thread.join()


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\rb"])
def test_a_header_cannot_break_out_of_its_line(connect: Connect, value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        connect(9).post(TARGET, {"X": value}, b"a")


def _post(connection: Connection) -> None:
    connection.post(TARGET, HEADERS, b"child")


def test_a_forked_process_opens_its_own() -> None:
    with run_scripted([[OK, OK], [OK]]) as server:
        connection = InThread(Address("127.0.0.1", server.port, None, DEADLINE_S))
        connection.post(TARGET, HEADERS, b"parent")
        child = multiprocessing.get_context("fork").Process(target=_post, args=(connection,))
        child.start()
        deadline = time.monotonic() + DEADLINE_S
        connection.post(TARGET, HEADERS, b"parent again")
        connection.close()  # the server turns to the next connection
        child.join(deadline - time.monotonic())
        assert child.exitcode == 0
    assert server.connections == 2
    assert [body for _, body in server.requests] == [b"parent", b"parent again", b"child"]
