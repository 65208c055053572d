"""A server on a real socket that answers with the bytes that it is given, right or wrong."""

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

DEADLINE_S = 10.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CLOSE = b""  # instead of an answer: the connection is closed without one


@dataclass
class Scripted:
    """What it was asked so far."""

    port: int
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)  # head and body
    connections: int = 0


def has_ipv6() -> bool:
    """Tell if there is an IPv6 loopback to listen on; containers often have none."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@contextmanager
def run_scripted(
    answers: Sequence[Sequence[bytes]], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Scripted]:
    """Serve one connection after the other: to each its answers, in order, and then it is closed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(DEADLINE_S)
        seen = Scripted(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, answers, tls, seen), daemon=True)
        thread.start()
        yield seen
        with suppress(OSError):  # it has served all
            listener.shutdown(socket.SHUT_RDWR)  # wakes it up
    thread.join(DEADLINE_S)


def _serve(
    listener: socket.socket, answers: Sequence[Sequence[bytes]], tls: ssl.SSLContext | None, seen: Scripted
) -> None:
    for each in answers:
        try:
            accepted, _ = listener.accept()
        except OSError:  # closed: the test is over
            return
        accepted.settimeout(DEADLINE_S)
        seen.connections += 1
        try:
            with tls.wrap_socket(accepted, server_side=True) if tls else accepted as connection:
                _answer(connection, each, seen)
        except OSError:  # refused by the other side
            continue


def _answer(connection: socket.socket, answers: Sequence[bytes], seen: Scripted) -> None:
    with connection.makefile("rb") as incoming:
        for answer in answers:
            head = b""
            while (line := incoming.readline()) != b"\r\n":
                if not line:
                    return
                head += line
            sizes = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
            seen.requests.append((head, incoming.read(int(sizes[0].split(b":")[1]))))
            connection.sendall(answer)
