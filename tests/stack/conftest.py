"""What the tests marked `stack` need: a Docker engine. Skipped with the reason where there is none.

STACK_TESTS=require makes a missing engine a failure: CI sets it once it has started one.
"""

import os
import subprocess
from pathlib import Path

import pytest

from rehearsal.settings import ROOT

ENGINE = ROOT / "tests" / "stack" / "engine.sh"
NOT_HERE = 3


@pytest.fixture(scope="session")
def docker_engine() -> None:
    """An engine that answers, with Compose 2 and buildx, and a base image to build on."""
    done = subprocess.run(["sh", str(ENGINE), "check"], capture_output=True, text=True, check=False)
    reason = done.stderr.strip() if done.returncode == NOT_HERE else _find_missing_image()
    if reason and os.environ.get("STACK_TESTS") == "require":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this module's own, which also names its Compose project."""
    return tmp_path_factory.mktemp("var")


def _find_missing_image() -> str:
    tag = os.environ.get("STACK_BASE_IMAGE", "python:3.13-slim-trixie")
    for command in (["docker", "image", "inspect", tag], ["docker", "pull", "--quiet", tag]):
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return ""
    return f"{tag} is not here and cannot be pulled; `sh tests/stack/engine.sh images` makes a stand-in"
