"""One connection over which an event loop posts envelopes: what `service.sending.connection` is for a thread."""

import asyncio
from collections.abc import Mapping
from typing import cast

from service.sending.connection import Address, AnswerReader, BadResponseError, Response, write_request


class Stream:
    """Posts over one socket, which it opens when there is something to post. One post at a time, on one event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._exchange: _Exchange | None = None

    @property
    def is_open(self) -> bool:
        """Will the next request go over the socket that is there?"""
        return self._exchange is not None and self._exchange.is_open

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Send a request and return its answer, as `Connection.post` does, with the same errors."""
        request = write_request(target, headers, body)
        try:
            async with asyncio.timeout(self._address.timeout_s):
                exchange = self._exchange
                if exchange is None or not exchange.is_open:
                    exchange = self._exchange = await self._open()
                return await exchange.ask(request)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket, if there is one; the next request opens another."""
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None

    async def _open(self) -> "_Exchange":
        address = self._address
        transport, exchange = await asyncio.get_running_loop().create_connection(
            _Exchange,
            address.host,
            address.port,
            ssl=address.tls,
            server_hostname=address.host if address.tls is not None else None,
        )
        for option in address.socket_options:
            transport.get_extra_info("socket").setsockopt(*option)
        return exchange


class _Exchange(asyncio.Protocol):
    """A request and its answer, then the next, over one open socket."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader: AnswerReader | None = None  # both while an answer is awaited
        self._answer: asyncio.Future[Response] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes) -> "asyncio.Future[Response]":
        """Send a request, over a connection that is open; the future has its answer, or BadResponseError, OSError."""
        self._reader, self._answer = AnswerReader(), asyncio.get_running_loop().create_future()
        cast(asyncio.Transport, self._transport).write(request)
        return self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if exc is None:
            self._take(b"")  # an answer may end like this
        elif self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc)

    def _take(self, chunk: bytes) -> None:
        reader, answer = self._reader, self._answer
        if reader is None or answer is None or answer.done():
            self.close()  # nobody asked for it
            return
        try:
            reader.feed(chunk)
        except BadResponseError as error:
            answer.set_exception(error)
            self.close()
            return
        if reader.is_done:
            answer.set_result(reader.response)
            self._reader = self._answer = None
            if not reader.may_go_on:
                self.close()
