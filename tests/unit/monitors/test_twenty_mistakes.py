"""A file with twenty mistakes: twenty messages with their lines in one run, exit code 2, and nobody is asked."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from rehearsal.settings import ROOT

RULES = Path(__file__).parent / "twenty_mistakes"
REHEARSE = Path(sys.executable).parent / "rehearse"
MARK = re.compile(r"  # (\d+)\b")


class Listener(BaseHTTPRequestHandler):
    """A Sentry that must not be asked."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(500)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server looks these names up


@pytest.fixture
def url() -> Iterator[str]:
    Listener.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def rehearse(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [str(REHEARSE), "monitors", *arguments, "--rules", str(RULES)]
    environment = os.environ | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def marked() -> dict[int, int]:
    """Mistake -> its line, as the file's comments number them."""
    lines = enumerate((RULES / "rules.yml").read_text().splitlines(), start=1)
    return {int(found[1]): number for number, line in lines if (found := MARK.search(line))}


def test_file_has_twenty_mistakes() -> None:
    assert list(marked()) == list(range(1, 21))


def test_check_tells_each_once_with_its_line_and_ends_with_2() -> None:
    done = rehearse("check")
    assert (done.returncode, done.stdout) == (2, "")
    first, *messages = done.stderr.splitlines()
    assert first == "rehearse: 20 mistakes"
    begin = "tests/unit/monitors/twenty_mistakes/rules.yml:"
    assert [int(each.removeprefix(begin).partition(":")[0]) for each in messages] == list(marked().values())


def test_check_tells_machines_the_same() -> None:
    done = rehearse("check", "--json")
    assert done.returncode == 2
    assert [each["line"] for each in json.loads(done.stdout)["mistakes"]] == list(marked().values())


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_nothing_is_asked_or_changed(url: str, command: str) -> None:
    variables = {"SENTRY_URL": url, "SENTRY_AUTH_TOKEN": "t", "SENTRY_ORG": "acme", "SENTRY_PROJECT": "isl"}
    done = rehearse(command, **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rehearse: 20 mistakes\n")
    assert Listener.asked == []
