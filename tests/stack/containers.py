"""Driving a stack of containers as a user does, and looking at what became of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from rehearsal.containers import find_containers

REHEARSE = Path(sys.executable).parent / "rehearse"
DEADLINE_S = 120.0  # for anything that is awaited
COMMAND_DEADLINE_S = 600.0  # a build without any cache installs every package
# Of its own: `down --data` removes them.
IMAGES = {"STACK_SERVICE_IMAGE": "sentry-rehearsal-service:test", "STACK_IMAGE": "sentry-rehearsal:test"}
VALIDATE = "/api/v1/causal/validate"


def rehearse(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end."""
    return subprocess.run(
        [str(REHEARSE), *arguments],
        env=os.environ | IMAGES,
        capture_output=True,
        text=True,
        timeout=COMMAND_DEADLINE_S,
        check=False,
    )


def ask_docker(*arguments: str, check: bool = True) -> str:
    """Run docker and return what it printed."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=COMMAND_DEADLINE_S, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def await_true(what: str, ready: Callable[[], object]) -> None:
    """Poll until `ready`, or fail saying what was awaited."""
    deadline = time.monotonic() + DEADLINE_S
    while not ready():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:g} s for {what}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Running:
    """A stack that is up."""

    var: Path
    facts: dict[str, Any]

    @property
    def project(self) -> str:
        found = find_containers(self.var)
        assert found is not None
        return found.project

    def compose(self, *arguments: str, **environ: str) -> str:
        """Run `docker compose` on it as `rehearse` does, and return what it printed."""
        found = find_containers(self.var)
        assert found is not None
        os.environ.update(IMAGES)
        found.environ.update(environ)
        return found.compose(*arguments).stdout

    def container(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says of a service's container."""
        found: dict[str, Any] = json.loads(ask_docker("inspect", f"{self.project}-{service}-1"))[0]
        return found

    def validate(self) -> httpx.Response:
        """Ask the service something that it answers, through its published port."""
        body = {"dag": {"nodes": ["X", "Y"], "edges": [["X", "Y"]]}, "treatment": "X", "outcome": "Y"}
        return self.ask("POST", VALIDATE, body)

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Send a request to the service, with its key."""
        headers = {"X-API-Key": Path(self.facts["service_key"]).read_text()}
        url = self.facts["service"] + path
        return httpx.request(method, url, json=body, headers=headers, timeout=30, trust_env=False)

    def count_transactions(self) -> int:
        """How many the engine has accepted, through its web API."""
        token = Path(self.facts["token"]).read_text()
        answer = httpx.get(
            f"{self.facts['engine']}/api/0/organizations/sentry/events/",
            params={"dataset": "spans", "field": ["count()"], "query": "is_transaction:true", "project": "1"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
        return sum(int(row["count()"]) for row in answer.raise_for_status().json()["data"])
