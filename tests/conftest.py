"""Servers that several tests share; each starts at most once, and only if it is asked for."""

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
