"""Disks that fill, files that tear, bombs: what the engine answers, what it keeps, and what it costs."""

import http.client
import os
import resource
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.path.engine import Engine, Project, Start, await_true, envelope, error, starting

MIB = 1024 * 1024
GIB = 1024 * MIB
RSS_ALLOWED = 64 * MIB  # growth; the bomb would be 10 GiB


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


def limit_files(engine: Engine, max_bytes: int) -> None:
    """Let no file of the engine grow past so many bytes: its writes then fail as on a full disk."""
    _, hard = resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE, (max_bytes, hard))


def noisy() -> dict[str, object]:
    """An error that does not compress."""
    return error(extra={"noise": os.urandom(20_000).hex()})


def test_full_disk_is_answered_503_and_over_without_a_restart(start: Start) -> None:
    """Nothing that was acknowledged is lost, nothing that was refused is stored, and the books agree."""
    engine = start()
    project = engine.project()
    acknowledged = {project.send(("event", noisy())) for _ in range(5)}
    largest = max(file.stat().st_size for file in engine.data_dir.glob("engine.sqlite*"))
    limit_files(engine, largest + 40_000)
    statuses = []
    for _ in range(20):
        sent = noisy()
        answer = project.post(envelope(("event", sent)))
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            acknowledged.add(answer.json()["id"])
        else:
            assert answer.json()["detail"] == "failed to queue envelope"
    assert set(statuses) == {200, 503} or set(statuses) == {503}
    assert project.engine.is_up()
    assert {row["id"] for row in project.search("errors", "id")} == acknowledged  # it can still be read
    limit_files(engine, resource.RLIM_INFINITY)
    acknowledged |= {project.send(("event", noisy())) for _ in range(5)}
    assert {row["id"] for row in project.search("errors", "id")} == acknowledged
    assert project.outcomes() == {("error", "accepted", ""): len(acknowledged)}
    engine.kill()
    project = start().project()
    assert {row["id"] for row in project.search("errors", "id")} == acknowledged


@pytest.mark.parametrize("damage", ["cut", "garbage", "zeros"])
def test_torn_last_write_takes_nothing_else_with_it(start: Start, damage: str) -> None:
    """A commit that only half reached the log was never acknowledged; all before it is there."""
    engine = start()
    project = engine.project()
    kept = [project.send(("event", noisy())) for _ in range(5)]
    log = engine.data_dir / "engine.sqlite-wal"
    whole = log.stat().st_size
    torn = project.send(("event", noisy()))
    engine.kill()
    content = log.read_bytes()
    assert len(content) > whole  # the last commit is at the end of the log
    half = whole + (len(content) - whole) // 2
    rest = len(content) - half
    log.write_bytes(content[:half] + {"cut": b"", "garbage": os.urandom(rest), "zeros": bytes(rest)}[damage])
    project = start().project()
    assert sorted(row["id"] for row in project.search("errors", "id")) == sorted(kept)
    assert project.outcomes() == {("error", "accepted", ""): 5}
    sent = error(event_id=torn)
    assert project.send(("event", sent)) == torn  # and can be sent again
    assert project.outcomes() == {("error", "accepted", ""): 6}


def test_store_is_kept_under_its_size_while_it_runs(start: Start) -> None:
    engine = start(speed=600, max_bytes=str(2 * MIB))
    project = engine.project()
    sent = [project.send(("event", noisy())) for _ in range(150)]  # some 3 MB

    def left() -> list[str]:
        return [row["id"] for row in project.search("errors", "id", sort="timestamp")]

    await_true("the oldest to go", lambda: 0 < len(left()) < 150)
    last = project.send(("event", error()))
    kept = left()
    assert last in kept
    assert sent[0] not in kept
    assert project.outcomes()["error", "accepted", ""] == 151  # the books know of them all


def rss_bytes(pid: int) -> int:
    fields = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()
    return int(fields[0]) * 1024


def bomb(megabytes: int) -> Iterator[bytes]:
    """gzip of so many MiB of zeros, piece by piece; after a full flush every MiB is the same kilobyte."""
    packer = zlib.compressobj(9, wbits=31)
    yield packer.compress(b'{}\n{"type":"attachment"}\n') + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(megabytes):
        yield piece


def post_until_refused(project: Project, pieces: Iterator[bytes]) -> int:
    """Send a chunked body; stop when the server has answered and closed."""
    host = project.engine.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=60)
    headers = {"x-sentry-auth": f"Sentry sentry_key={project.key}", "content-encoding": "gzip"}
    with suppress(BrokenPipeError, ConnectionResetError):  # refused before the end
        connection.request("POST", f"/api/{project.id}/envelope/", pieces, headers, encode_chunked=True)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_bomb_of_ten_gigabytes_costs_no_memory(start: Start) -> None:
    engine = start()
    project = engine.project(f"p-{uuid4().hex[:8]}")
    project.send(("event", error()))
    before = rss_bytes(engine.process.pid)
    assert post_until_refused(project, bomb(10 * GIB // MIB)) == 413
    grown = rss_bytes(engine.process.pid) - before
    assert grown < RSS_ALLOWED, f"{grown / MIB:.0f} MiB more at its peak"
    assert project.outcomes() == {("error", "accepted", ""): 1, ("default", "invalid", "too_large"): 1}
    project.send(("event", error()))
