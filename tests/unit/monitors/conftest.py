"""A running fake, and a client of it that does not really wait."""

from collections.abc import Iterator

import pytest

from monitors.client import SentryClient
from tests.unit.monitors.fake_sentry import ORGANIZATION, TOKEN, FakeSentry, run_fake


@pytest.fixture
def fake() -> Iterator[FakeSentry]:
    with run_fake() as server:
        yield server


@pytest.fixture
def pauses() -> list[float]:
    """Seconds that the client wanted to wait."""
    return []


@pytest.fixture
def client(fake: FakeSentry, pauses: list[float]) -> Iterator[SentryClient]:
    with SentryClient(fake.url, TOKEN, ORGANIZATION, sleep=pauses.append) as sentry:
        yield sentry
