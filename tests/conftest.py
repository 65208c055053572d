"""What several tests share: servers, each started at most once and only if it is asked for, and the optional y0."""

import importlib.util
import os
from collections.abc import Iterator

import pytest

from tests.servers import run_plot, run_postgresql, run_redis


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL that is not installed skips the test."""
    with run_postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that is not installed skips the test."""
    with run_redis() as url:
        yield url


@pytest.fixture(scope="session")
def plot_url() -> Iterator[str]:
    """The stand-in of the PLoT engine."""
    with run_plot() as url:
        yield url


@pytest.fixture(scope="session")
def y0() -> None:
    """The optional y0. Where it is not installed the test is skipped, or failed by Y0_TESTS=require, which CI sets."""
    if importlib.util.find_spec("y0") is None:
        reason = "y0 is not installed; `make y0` installs it"
        pytest.fail(reason) if os.environ.get("Y0_TESTS") == "require" else pytest.skip(reason)
