"""What a receiver's answer means: taken, worth another try, or never; and that no answer tells where it lives."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from embedded.channels.http import post, retry_after
from embedded.errors import TransportError
from tests.path.engine import Receiver, receiving

SECRET_PATH = "services/T0/B0/s3cr3t"
NOON, LATER = "Wed, 04 Mar 2026 12:00:00 GMT", "Wed, 04 Mar 2026 12:01:30 GMT"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from receiving()


def send(url: str) -> TransportError | None:
    async def run() -> None:
        async with httpx.AsyncClient(timeout=0.5, trust_env=False) as client:
            await post(client, "slack #ops", url, b"{}")

    try:
        asyncio.run(run())
    except TransportError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (200, None), (202, None), (204, None), (302, True), (400, True), (401, True), (403, True), (404, True),
        (408, False), (410, True), (413, True), (429, False), (500, False), (502, False), (503, False), (504, False),
    ],
)  # fmt: skip
def test_status_decides_about_another_try(receiver: Receiver, status: int, permanent: bool | None) -> None:
    receiver.status = status
    error = send(f"{receiver.url}/{SECRET_PATH}")
    assert (error and error.permanent) == permanent
    assert error is None or str(error) == f"slack #ops: answered {status}"


@pytest.mark.parametrize("url", [f"http://127.0.0.1:9/{SECRET_PATH}", f"http://[::1/{SECRET_PATH}"])
def test_receiver_that_cannot_be_reached_is_tried_again_and_not_named_by_its_address(url: str) -> None:
    error = send(url)
    assert error is not None
    assert not error.permanent
    assert "s3cr3t" not in repr(error) + repr(error.__cause__)


def test_refusal_with_a_time_says_how_long(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "7"}
    error = send(receiver.url)
    assert error is not None
    assert error.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": LATER, "date": NOON}, 90),
        ({"retry-after": NOON, "date": LATER}, 0),
        ({"retry-after": LATER}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon", "date": NOON}, None),
        ({"retry-after": "9" * 400}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], expected_s: float | None) -> None:
    assert retry_after(headers) == (None if expected_s is None else timedelta(seconds=expected_s))
