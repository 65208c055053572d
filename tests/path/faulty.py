"""A proxy in front of a real engine that spoils answers: from a certain request on, for as long as it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.path.engine import DEADLINE_S

HOP_BY_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is answered instead."""

    name: str
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    is_late: bool = False  # the engine does what it is asked; only its answer is lost
    is_cut: bool = False  # the connection ends without an answer

    def __str__(self) -> str:
        return self.name


@dataclass
class FaultyProxy:
    """Passes requests on, counts them, and spoils those from number `first` to number `last`."""

    upstream: str
    url: str = ""
    fault: Fault | None = None
    first: int = 0
    last: int = 0
    calls: list[str] = field(default_factory=list)  # as METHOD path
    spoiled: int = 0

    def spoil(self, fault: Fault, first: int, *, times: int) -> None:
        """From here on count anew, and spoil so many requests, beginning with number `first` from 1."""
        self.calls.clear()
        self.fault, self.first, self.last, self.spoiled = fault, first, first + times - 1, 0

    def heal(self) -> None:
        """Pass on everything again."""
        self.calls.clear()
        self.fault = None

    def fault_now(self) -> Fault | None:
        """The fault of the request that was counted last."""
        is_due = self.fault is not None and self.first <= len(self.calls) <= self.last
        self.spoiled += is_due
        return self.fault if is_due else None


@contextmanager
def faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    """Serve on a free loopback port until the block ends."""
    proxy = FaultyProxy(upstream)
    with httpx.Client(timeout=DEADLINE_S, trust_env=False) as client:

        class Handler(_Handler):
            state, http = proxy, client

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False  # so that closing waits for every answer under way
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield proxy
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections, as a proxy does
    disable_nagle_algorithm = True  # else each answer waits for the client's acknowledgement
    state: FaultyProxy
    http: httpx.Client

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.state.calls.append(f"{self.command} {self.path.partition('?')[0].removeprefix('/api/0/')}")
        fault = self.state.fault_now()
        if fault is None or fault.is_late:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            real = self.http.request(self.command, self.state.upstream + self.path, content=content, headers=headers)
            if fault is None:
                kept = [(name, value) for name, value in real.headers.items() if name not in HOP_BY_HOP]
                self._answer(real.status_code, kept, real.content)
                return
        if fault.is_cut:
            self.close_connection = True
            self.connection.close()
            return
        self._answer(fault.status, list(fault.headers), fault.body)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server looks these names up

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay quiet."""


def refusal(status: int, **headers: str) -> Fault:
    """An error as Sentry words it."""
    body = json.dumps({"detail": f"refused with {status}"}).encode()
    return Fault(f"{status}", status, body, tuple((name.replace("_", "-"), value) for name, value in headers.items()))
