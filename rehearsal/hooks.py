"""Doing what a plan says to do to a service: an HTTP call, or a command that must end well."""

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import Final

import httpx

from rehearsal.errors import EnvironmentMissingError
from rehearsal.plan import Action
from rehearsal.processes import inherited

PATIENCE: Final = timedelta(seconds=30)
SHOWN: Final = 300  # characters of an answer or of a command's output in an error


def fill(action: Action, values: Mapping[str, str]) -> Action:
    """Put values for an action's placeholders."""
    return replace(
        action,
        url=Template(action.url).substitute(values),
        body=Template(action.body).substitute(values),
        command=tuple(Template(word).substitute(values) for word in action.command),
    )


def perform(what: str, action: Action, folder: Path) -> None:
    """Do it. Raises EnvironmentMissingError, with what was answered, if it does not succeed in time."""
    if action.url:
        _call(what, action)
    else:
        _run(what, action, folder)


def _call(what: str, action: Action) -> None:
    headers = {"Content-Type": "application/json"} if action.body else {}
    try:
        answer = httpx.request(
            action.method,
            action.url,
            content=action.body.encode(),
            headers=headers,
            timeout=PATIENCE.total_seconds(),
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise EnvironmentMissingError(f"{what}: {action}: {error}") from None
    if not answer.is_success:
        raise EnvironmentMissingError(f"{what}: {action} answered {answer.status_code}: {answer.text[:SHOWN]}")


def _run(what: str, action: Action, folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the team's own plan names it
            action.command,
            cwd=folder,
            env=inherited(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE.total_seconds(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentMissingError(f"{what}: {shlex.join(action.command)}: {error}") from None
    if done.returncode:
        said = (done.stdout + done.stderr)[-SHOWN:]
        raise EnvironmentMissingError(f"{what}: {shlex.join(action.command)} ended with {done.returncode}: {said}")
