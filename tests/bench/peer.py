"""Bugsink, the peer of the ingest bench: installed from PyPI into a folder of its own and run as its makers recommend.

One machine, SQLite: gunicorn with two workers takes events in and answers, `snappea` digests them later. So what it
accepts a second is not what it stores; the bench measures both. Its quotas are raised, or they would end the load.
"""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.path.engine import await_true, free_port

QUOTAS = """
for _name in ("5_MINUTES", "HOUR", "MONTH"):
    BUGSINK[f"MAX_EVENTS_PER_{_name}"] = BUGSINK[f"MAX_EVENTS_PER_PROJECT_PER_{_name}"] = 1_000_000_000
BUGSINK["BASE_URL"] = "http://127.0.0.1"
"""
PROJECT = (
    "from teams.models import Team; from projects.models import Project;"
    "made = Project.objects.create(name='bench', team=Team.objects.create(name='bench'),"
    " retention_max_event_count=1_000_000_000);"
    "print('KEY', made.id, made.sentry_key.hex)"
)
QUIET_S = 2.0  # the queue is empty when it has been for so long
DEADLINE_S = 600.0  # for it to be


@dataclass(frozen=True)
class Peer:
    """A running Bugsink with one project."""

    url: str
    path: str  # of its ingest route, with the key
    folder: Path

    def stored(self) -> int:
        """How many events it has digested."""
        return _count(self.folder / "db.sqlite3", "events_event")

    def await_digested(self) -> float:
        """Wait until nothing is queued; return when the last event was seen to be stored, on the monotonic clock."""
        last_s, known = time.monotonic(), self.stored()
        deadline_s = last_s + DEADLINE_S
        while _count(self.folder / "snappea.sqlite3", "snappea_task") or time.monotonic() - last_s < QUIET_S:
            assert time.monotonic() < deadline_s, f"Bugsink's queue is not empty after {DEADLINE_S:g} s"
            time.sleep(0.1)
            found = self.stored()
            if found != known:
                last_s, known = time.monotonic(), found
        return last_s


def _count(database: Path, table: str) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names of ours


@contextmanager
def bugsink(folder: Path) -> Iterator[Peer]:
    """Install it where it is not yet, with a new database; run it until the end of the block."""
    scripts = folder / "venv" / "bin"
    if not (scripts / "bugsink-manage").exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([scripts / "pip", "install", "-qq", "bugsink"], check=True)
    for old in folder.glob("*.sqlite3*"):
        old.unlink()
    (folder / "bugsink_conf.py").unlink(missing_ok=True)
    port = free_port()
    _said(folder, "bugsink-create-conf", "--template=singleserver", "--host=127.0.0.1", f"--base-dir={folder}")
    with (folder / "bugsink_conf.py").open("a") as file:
        file.write(QUOTAS)
    _said(folder, "bugsink-manage", "migrate")
    _said(folder, "bugsink-manage", "migrate", "snappea", "--database=snappea")
    project, key = _said(folder, "bugsink-manage", "shell", "-c", PROJECT).split("KEY ")[1].split()[:2]
    with (folder / "log").open("ab") as log:
        commands = (
            ["gunicorn", f"--bind=127.0.0.1:{port}", "--workers=2", "--timeout=60", "bugsink.wsgi"],
            ["bugsink-runsnappea"],
        )
        started = [
            subprocess.Popen([scripts / name, *rest], cwd=folder, stdout=log, stderr=log) for name, *rest in commands
        ]
    try:
        url = f"http://127.0.0.1:{port}"
        await_true("Bugsink to answer", lambda: _answers(url))
        yield Peer(url, f"/api/{project}/envelope/?sentry_key={key}", folder)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _said(folder: Path, name: str, *arguments: str) -> str:
    command = [str(folder / "venv" / "bin" / name), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/alive", trust_env=False).status_code < 500
    except httpx.TransportError:
        return False
