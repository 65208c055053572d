"""The `docker` command: is an engine there and new enough, and run it."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rehearsal.errors import EnvironmentMissingError
from rehearsal.processes import inherited

ASK_TIMEOUT_S: Final = 20.0  # an engine that does not answer by then hangs
# depends_on with required: false came with 2.20, and `include`, `!reset` and this --wait behave as written since 2.24.
COMPOSE_NEEDED: Final = (2, 24, 0)
PASSED_ON: Final = ("DOCKER_", "BUILDKIT_", "STACK_")  # of our environment: which engine, and our own knobs
LAST_LINES: Final = 12  # of what a failed command said


@dataclass(frozen=True, slots=True)
class DockerFacts:
    """What is there; empty where it is not."""

    engine: str = ""  # version of the server
    architecture: str = ""
    compose: str = ""
    buildx: str = ""
    said: str = ""  # why there is no engine


def docker(
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: str | None = None,
    timeout_s: float | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end. Raises EnvironmentMissingError with the end of what it said if it fails or is not there."""
    own = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["docker", *arguments],  # noqa: S607 - the one on PATH, as in a shell
            env={**inherited(), **own, **(environ or {})},
            cwd=cwd,
            input=stdin or "",  # never the terminal's
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise EnvironmentMissingError("no docker command here") from None
    except subprocess.TimeoutExpired:
        raise EnvironmentMissingError(
            f"docker {arguments[0]} did not answer within {timeout_s:g} s, needed is one that does; next: docker info"
        ) from None
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-LAST_LINES:])
        raise EnvironmentMissingError(f"docker {' '.join(arguments[:1])} failed with code {done.returncode}:\n{said}")
    return done


def look_at_docker() -> DockerFacts:
    """Ask engine, Compose and buildx for their versions; changes nothing."""
    try:
        server = json.loads(docker("version", "--format", "{{json .Server}}", timeout_s=ASK_TIMEOUT_S).stdout)
    except EnvironmentMissingError as error:
        return DockerFacts(said=str(error).splitlines()[-1])
    return DockerFacts(
        engine=str(server["Version"]),
        architecture=str(server["Arch"]),
        compose=_version("compose", "version", "--short"),
        buildx=_version("buildx", "version"),
    )


def find_obstacle(facts: DockerFacts | None = None) -> str | None:
    """Say why our containers cannot run here, with what is needed; None if they can."""
    facts = facts or look_at_docker()
    needed = ".".join(map(str, COMPOSE_NEEDED))
    if not facts.engine:
        return f"found no Docker engine ({facts.said}), needed is one that this user may use"
    if not facts.compose:
        return f"found no Docker Compose 2, needed is {needed} or newer"
    if parse_version(facts.compose) < COMPOSE_NEEDED:
        return f"found Docker Compose {facts.compose}, needed is {needed} or newer"
    if not facts.buildx:
        return "found no Docker buildx, needed to build the image"
    return None


def parse_version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: `v2.26.1-4` is (2, 26, 1); nothing is ()."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, match[1].split("."))) if match else ()


def _version(*arguments: str) -> str:
    try:
        said = docker(*arguments, timeout_s=ASK_TIMEOUT_S).stdout
    except EnvironmentMissingError:
        return ""
    match = re.search(r"\bv?(\d+\.\d+[\w.+-]*)", said)
    return match[1] if match else ""
