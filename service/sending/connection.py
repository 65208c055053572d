"""One connection over which envelopes are posted, one after the other: HTTP/1.1, kept open, parsed by httptools.

For what the SDK needs and nothing else: no redirects, no proxies, no retries. What urllib3 takes 217 us of the
interpreter for takes 46 here, and while the interpreter is taken no request is answered.
Source: RFC 9112 (framing of messages, persistence of connections).
"""

import os
import select
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httptools
from httpx import Headers

RESPONSE_LIMIT: Final = 1024 * 1024  # bytes; Sentry answers with an id
CHUNK_BYTES: Final = 64 * 1024
FIRST_FINAL_STATUS: Final = 200  # what is below comes before the answer


class BadResponseError(ConnectionError):
    """The peer's answer is cut off, too long or no HTTP. The envelope counts as lost to the network."""


@dataclass
class Response:
    """An answer, as the SDK's transport reads one."""

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    data: bytes = b""

    def close(self) -> None:
        """It holds nothing that is open."""


@dataclass(frozen=True)
class Address:
    """Where envelopes go, and how."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    timeout_s: float  # of connecting, and of all that follows
    socket_options: tuple[tuple[int, int, Any], ...] = ()


def write_request(target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request as it is sent. Raises ValueError for a header that would break out of its line."""
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header of an envelope has a line break in it")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


class AnswerReader:
    """Puts an answer together. Its methods are httptools' callbacks."""

    def __init__(self) -> None:
        self.response = Response()
        self._left = RESPONSE_LIMIT
        self._headers: list[tuple[bytes, bytes]] = []
        self.is_done = False
        self.is_open_ended = False  # the end of the connection is the end of the answer
        self.may_go_on = False  # the connection may carry another request
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, chunk: bytes) -> None:
        """Take what arrived; nothing means that the peer has closed. Raises BadResponseError."""
        self._left -= len(chunk)
        if self._left < 0:
            raise BadResponseError(f"the answer is longer than {RESPONSE_LIMIT} bytes")
        if not chunk:
            if not self.is_open_ended:
                raise BadResponseError("the connection was closed before an answer was complete")
            self.is_done = True
            return
        try:
            self._parser.feed_data(chunk)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.is_done:
                raise BadResponseError(f"the answer is no HTTP that ends: {type(error).__name__}") from None
            self.may_go_on = False  # the answer is whole; what follows it in the same piece, nobody has asked for

    def on_message_begin(self) -> None:
        if self.is_done:
            raise BadResponseError("more than one answer")  # ends the parser's work, before it overwrites the first

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.response.status = self._parser.get_status_code()
        self.response.headers = headers = Headers(self._headers)
        self.is_open_ended = "content-length" not in headers and "transfer-encoding" not in headers

    def on_body(self, part: bytes) -> None:
        self.response.data += part

    def on_message_complete(self) -> None:
        if self.response.status >= FIRST_FINAL_STATUS:
            self.is_done, self.may_go_on = True, self._parser.should_keep_alive()
        else:  # a `100 Continue` that nobody asked for
            self.response, self._headers = Response(), []


class Connection:
    """Posts over one socket, which it opens when there is something to post. For one thread at a time."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._owner = 0  # the process that opened it: a forked one must not write in between

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Send a request and return its answer.

        Raises OSError (BadResponseError among them; ValueError for a header that would break out of its line). Nothing
        is sent twice: whether the peer has taken what it did not answer, nobody knows.
        """
        request = write_request(target, headers, body)
        until = time.monotonic() + self._address.timeout_s
        try:
            opened = self._reuse() or self._open()
            opened.settimeout(self._address.timeout_s)
            opened.sendall(request)
            return self._read(opened, until)
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        """The SDK ends its thread without a word; the connection ends with the transport that held it."""
        self.close()

    def close(self) -> None:
        """Close the socket, if there is one; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _reuse(self) -> socket.socket | None:
        """Return the open socket, unless it is another process's, or the peer has closed it or said more than asked."""
        if self._socket is None:
            return None
        if self._owner == os.getpid() and not _is_readable(self._socket):
            return self._socket
        self.close()
        return None

    def _open(self) -> socket.socket:
        address = self._address
        opened = socket.create_connection((address.host, address.port), address.timeout_s)
        self._socket, self._owner = opened, os.getpid()
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in address.socket_options:
            opened.setsockopt(*option)
        if address.tls is not None:
            self._socket = opened = address.tls.wrap_socket(opened, server_hostname=address.host)
        return opened

    def _read(self, opened: socket.socket, until: float) -> Response:
        reader = AnswerReader()
        while not reader.is_done:
            opened.settimeout(max(0.001, until - time.monotonic()))  # 0 would mean not to wait at all
            reader.feed(opened.recv(CHUNK_BYTES))
        if not reader.may_go_on:
            self.close()
        return reader.response


def _is_readable(opened: socket.socket) -> bool:
    """Tell if there is something to read, which before a request can only be the end, or what nobody asked for."""
    poll = select.poll()
    poll.register(opened, select.POLLIN)
    return bool(poll.poll(0))
