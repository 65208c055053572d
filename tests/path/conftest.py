"""Fixtures of the tests that run the service as a process."""

import gzip
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.path.engine import ROOT, await_true, free_port
from tests.path.isl import Receiver, Service, Start, command, environ


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free loopback port, for one test."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Header and body are two writes, and the second would wait 40 ms for the first to be acknowledged.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.keep(gzip.decompress(body))  # as the service sends
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Be silent."""

    kept.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.server.daemon_threads = True
    thread = threading.Thread(target=kept.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield kept
    kept.server.shutdown()
    kept.server.server_close()
    thread.join()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start service processes; at the end, kill those that still run, each by its own handle."""
    started: list[Service] = []

    def run(server: str = "uvicorn", **extra: str) -> Service:
        port = free_port()
        log = tmp_path / f"service-{port}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command(server, port),
                cwd=ROOT,
                env=environ(tmp_path, port, extra),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        service = Service(process, f"http://127.0.0.1:{port}", tmp_path / "faults.json", log)
        started.append(service)
        await_true("the service to answer /health", service.is_up)
        return service

    yield run
    for service in started:
        service.end()
