"""Upstream's own Compose project: started, stopped, removed, and asked, always from the folder of its release."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from rehearsal.docker import docker
from rehearsal.errors import EnvironmentMissingError
from rehearsal.self_hosted.preflight import VOLUMES
from rehearsal.self_hosted.state import START, Installation, checkout, home, keep_without

START_TIMEOUT_S: Final = 1800  # the web container alone has five minutes; upstream's own CI allows half an hour
STOP_TIMEOUT_S: Final = 60  # upstream's own: its queues are to be drained


def compose(var: Path, installation: Installation, *arguments: str, stdin: str | None = None) -> str:
    """Run `docker compose` on it, as its installer says to, and return what was printed."""
    folder = str(checkout(var, installation.release))
    env_files = ("--env-file", ".env", "--env-file", ".env.custom")
    return docker("compose", "--ansi", "never", *env_files, *arguments, cwd=folder, stdin=stdin).stdout


def start(var: Path, installation: Installation) -> None:
    """Start all containers and wait until they are healthy. Raises EnvironmentMissingError."""
    compose(var, installation, "up", "--detach", "--wait", "--wait-timeout", str(START_TIMEOUT_S))


def stop(var: Path, installation: Installation) -> None:
    """Remove containers and networks; volumes stay. Raises EnvironmentMissingError."""
    compose(var, installation, "down", "--timeout", str(STOP_TIMEOUT_S), "--remove-orphans")


def remove(var: Path, installation: Installation, *, with_data: bool) -> None:
    """Stop it; with data also remove its volumes, the release and our secrets: nothing is left but pulled images.

    Without data the next install starts it again. Raises EnvironmentMissingError.
    """
    if (checkout(var, installation.release) / ".env.custom").exists():
        stop(var, installation)
        if with_data:
            compose(var, installation, "down", "--volumes")
    if not with_data:
        keep_without(var, installation, START)
        return
    for volume in VOLUMES:  # declared external, so that Compose leaves them alone
        with suppress(EnvironmentMissingError):  # not made yet
            docker("volume", "rm", volume)
    shutil.rmtree(home(var))
