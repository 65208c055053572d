"""Real servers for tests, where this machine has them: PostgreSQL and Redis, each on a free loopback port."""

import getpass
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
import redis

from tests.path.engine import DEADLINE_S, await_true, free_port


def _find(name: str, folders: str) -> str:
    """Find a program, or skip the test and say what is missing."""
    found = shutil.which(name) or next((str(each) for each in sorted(Path("/").glob(folders), reverse=True)), None)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def _running(argv: list[str]) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def run_postgresql() -> Iterator[str]:
    """Give the URL of a fresh PostgreSQL. Its programs refuse to run as root: then they run as `postgres`."""
    initdb = str(Path(_find("initdb", "usr/lib/postgresql/*/bin/initdb")).resolve())  # its server lies beside it
    folder = Path(tempfile.mkdtemp(prefix="isl-postgresql-"))
    as_user: list[str] = []
    if getpass.getuser() == "root":
        shutil.chown(folder, "postgres")
        as_user = [_find("runuser", "sbin/runuser"), "-u", "postgres", "--"]
    data, port = str(folder / "data"), free_port()
    make = [*as_user, initdb, "-D", data, "-U", "isl", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8"]
    subprocess.run(make, check=True, capture_output=True, cwd="/")
    server = [*as_user, str(Path(initdb).with_name("postgres")), "-D", data, "-p", str(port)]
    server += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    url = f"postgresql://isl@127.0.0.1:{port}/postgres"
    try:
        with _running(server) as process:
            await_true("PostgreSQL to answer", lambda: _is_postgresql_up(url, process))
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_postgresql_up(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "PostgreSQL ended at once"
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def run_redis(port: int | None = None) -> Iterator[str]:
    """Give the URL of a fresh Redis that keeps nothing on disk."""
    port = port or free_port()
    argv = [_find("redis-server", "usr/bin/redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    url = f"redis://127.0.0.1:{port}/0"
    with _running([*argv, "--dir", tempfile.gettempdir()]) as process:
        await_true("Redis to answer", lambda: _is_redis_up(url, process))
        yield url


def _is_redis_up(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "Redis ended at once"
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def run_plot(port: int | None = None) -> Iterator[str]:
    """Give the URL of a PLoT stand-in, a process of its own."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", "service.plot_engine", "--port", str(port)]
    with _running(argv) as process:
        await_true("PLoT to answer", lambda: _is_plot_up(url, process))
        yield url


def _is_plot_up(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "PLoT ended at once"
    try:
        return httpx.get(f"{url}/health", timeout=2).is_success
    except httpx.TransportError:
        return False
