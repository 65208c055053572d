"""The SDK's transport, with less of the interpreter taken for each envelope.

Rate limits, client reports and TLS settings are the SDK's, except for answers that it cannot read (`limits.py`). Ours
are the three steps that cost the most: JSON by pydantic's writer, gzip at its fastest level, and the connection. While
the service runs, its event loop sends (decision 0020); before and after, and in tests, the SDK's thread does. Where
there is a proxy, urllib3 speaks to it.
Source: sentry-sdk 2.75, `HttpTransport`; an option of `sentry_sdk.init` takes a class of one's own.
"""

import io
import ssl
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit

from pydantic_core import PydanticSerializationError, to_json
from sentry_sdk.consts import EndpointType
from sentry_sdk.envelope import Envelope, Item
from sentry_sdk.transport import HttpTransport
from sentry_sdk.utils import Dsn, capture_internal_exception

from service.sending.connection import Address, Connection
from service.sending.limits import LIMITS, PAUSE, read_limits
from service.sending.loop_sender import LoopSender
from service.sending.stream import Stream

GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's way to say: with a header and trailer of gzip
FASTEST: Final = 1  # 7 % more bytes than brotli at the SDK's level and 5 % more than gzip at it, in half of their time
SMALLEST: Final = 9  # for errors, which are few and large: their stacks say the same many times
TOO_MANY: Final = 429


class FrugalTransport(HttpTransport):
    """Sends as the SDK does, by cheaper means."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        dsn, proxy = self.parsed_dsn, self._resolve_proxy()
        self._address = _read_address(dsn, self._get_pool_options(), self.TIMEOUT) if dsn and not proxy else None
        self._connection = Connection(self._address) if self._address else None
        self._host = _name_host(dsn) if dsn else ""
        self._sender: LoopSender | None = None

    def attach(self) -> None:
        """Let the running event loop send from here on, until `detach`. Nothing changes where there is a proxy."""
        if self._address is not None:
            self._sender = LoopSender(self._address, self.options["transport_queue_size"], self._post)

    def detach(self) -> None:
        """Let the SDK's thread send again, what still waits first. On the event loop's thread."""
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.stop()
            for envelope in sender.take_back():
                self.capture_envelope(envelope)

    @property
    def _running_sender(self) -> LoopSender | None:
        sender = self._sender
        return sender if sender is not None and sender.is_running else None

    def capture_envelope(self, envelope: Envelope) -> None:
        """Put an envelope into the queue, or count what is in it as lost where that is full."""
        sender = self._running_sender
        if sender is None:
            super().capture_envelope(envelope)
        elif sender.is_full:
            self.on_dropped_event("full_queue")
            for item in envelope.items:
                self.record_lost_event("queue_overflow", item=item)
        else:
            sender.submit(envelope)

    def flush(self, timeout: float, callback: Callable[[int, float], None] | None = None) -> None:
        """Wait for at most `timeout` seconds until all is sent; what the event loop cannot send, the thread does."""
        sender = self._sender
        if sender is None:
            super().flush(timeout, callback)
        elif sender.is_here or not sender.is_running:
            for envelope in sender.take_back():
                super().capture_envelope(envelope)
            super().flush(timeout, callback)
        else:
            until = time.monotonic() + timeout
            sender.wait(timeout)
            self._flush_client_reports(force=True)
            sender.wait(max(0.0, until - time.monotonic()))

    def kill(self) -> None:
        """End the SDK's thread, and what it has open, after what it has to do."""
        if self._connection is not None and self._worker.is_alive:
            self._worker.submit(self._connection.close)
        super().kill()

    def _is_worker_full(self) -> bool:
        sender = self._running_sender
        return super()._is_worker_full() if sender is None else sender.is_full

    async def _post(self, stream: Stream, envelope: Envelope) -> None:
        """Send an envelope as the SDK's thread does: what fails is counted, and nobody hears of it."""
        try:
            prepared = self._prepare_envelope(envelope)
            if prepared is not None:
                sent, body, headers = prepared
                await self._exchange(stream, sent, body.getvalue(), headers)
            self._flush_client_reports()
        except Exception:  # noqa: BLE001 - as in the SDK's thread
            capture_internal_exception(sys.exc_info())

    async def _exchange(self, stream: Stream, envelope: Envelope, body: bytes, headers: dict[str, str]) -> None:
        self._update_headers(headers)
        try:
            response = await stream.post(*self._aim(EndpointType.ENVELOPE, headers), body)
        except BaseException:
            self._handle_request_error(envelope=envelope, loss_reason="network")
            raise
        self._handle_response(cast(Any, response), envelope)  # it reads status, headers and data

    def _get_header_value(self, response: Any, header: str) -> str | None:
        return read_limits(header, super()._get_header_value(response, header))

    def _handle_response(self, response: Any, envelope: Envelope | None) -> None:
        """Hold back as an answer asks, and count what was refused, unless Sentry has done so.

        It has, where a 429 says for how long. Other 429s are those of a proxy in front of it.
        """
        super()._handle_response(response, envelope)
        if envelope is None or response.status != TOO_MANY:
            return
        if not any(self._get_header_value(response, each) for each in (LIMITS, PAUSE)):
            for item in envelope.items:
                self._count_refused(item)

    def _count_refused(self, item: Item) -> None:
        """Count an item as lost to the network; a report was not, and its counts are in the next."""
        report = item.payload.json if item.type == "client_report" else None
        if report is None:
            self.record_lost_event("network_error", item=item)
            return
        for each in report["discarded_events"]:
            self.record_lost_event(each["reason"], each["category"], quantity=each["quantity"])

    def _fetch_pending_client_report(self, force: bool = False, interval: int = 60) -> Item | None:
        """Make no report while all is held back: the SDK would drop it, with what is counted in it."""
        return None if self._check_disabled("internal") else super()._fetch_pending_client_report(force, interval)

    def _serialize_envelope(self, envelope: Envelope) -> tuple[str | None, io.BytesIO]:
        _write_items(envelope)
        return "gzip", io.BytesIO(compress(envelope.serialize(), has_error=envelope.get_event() is not None))

    def _request(
        self, method: str, endpoint_type: EndpointType, body: bytes, headers: Mapping[str, str]
    ) -> Any:  # what the SDK looks at of urllib3's answers: status, headers, data
        if self._connection is None:
            return super()._request(method, endpoint_type, body, headers)
        return self._connection.post(*self._aim(endpoint_type, headers), body)

    def _aim(self, endpoint_type: EndpointType, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Return the path and the headers of a request."""
        return urlsplit(self._auth.get_api_url(endpoint_type)).path, {"Host": self._host, **headers}


def compress(envelope: bytes, *, has_error: bool) -> bytes:
    """Compress what is sent, as gzip. In one call, which lets go of the interpreter once; an object's would twice."""
    return zlib.compress(envelope, SMALLEST if has_error else FASTEST, GZIP)


def _read_address(dsn: Dsn, chosen: Mapping[str, Any], timeout_s: float) -> Address:
    """Say where the DSN points, and how to get there, by the settings that the SDK has chosen for urllib3."""
    tls = None
    if dsn.scheme == "https":
        tls = ssl.create_default_context(cafile=chosen["ca_certs"])
        if chosen["cert_file"]:
            tls.load_cert_chain(chosen["cert_file"], chosen["key_file"])
    return Address(dsn.host, dsn.port, tls, timeout_s, tuple(chosen.get("socket_options") or ()))


def _name_host(dsn: Dsn) -> str:
    """Write the DSN's host as a header names it: with the port where it is not the scheme's own, IPv6 in brackets.

    The SDK's `netloc` leaves the brackets out, and servers refuse what is left with 400.
    """
    return dsn.netloc.replace(dsn.host, f"[{dsn.host}]", 1) if ":" in dsn.host else dsn.netloc


def _write_items(envelope: Envelope) -> None:
    """Write what is not JSON yet. What pydantic refuses, such as half a surrogate pair, is left to the SDK."""
    for item in envelope.items:
        payload = item.payload
        if payload.bytes is None and payload.json is not None:
            try:
                payload.bytes = to_json(payload.json)
            except PydanticSerializationError:
                continue
