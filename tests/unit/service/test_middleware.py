"""Size limit and security headers, on the app in process; chunked bodies come through a raw ASGI call."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.app import build_app
from service.body_limit import BODY_LIMIT_BYTES
from service.request_id import WELL_FORMED
from service.security_headers import HEADERS
from tests.unit.service.quiet import quiet_settings

APP = build_app(quiet_settings())
VALIDATE = "/api/v1/causal/validate"
VALID = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}


def post(content: bytes) -> httpx.Response:
    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://isl.test") as client:
            return await client.post(VALIDATE, content=content, headers={"content-type": "application/json"})

    return asyncio.run(call())


def post_chunks(chunks: Iterator[bytes]) -> tuple[int, dict[str, Any], int]:
    """Send a body without its length, chunk by chunk; return status, body, and how many chunks were read."""
    sent: list[Any] = []
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        chunk = next(chunks, None)
        read += chunk is not None
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": VALIDATE,
        "raw_path": VALIDATE.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("isl.test", 80),
    }
    asyncio.run(APP(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent)), read


@pytest.mark.parametrize("size", [BODY_LIMIT_BYTES + 1, 3 * BODY_LIMIT_BYTES])
def test_a_body_that_announces_too_much_is_refused(size: int) -> None:
    response = post(b" " * size)
    assert response.status_code == 413
    body = response.json()
    assert (body["code"], body["reason"], body["retryable"]) == (
        "ISL_REQUEST_TOO_LARGE",
        "payload_exceeds_limit",
        False,
    )
    assert body["request_id"] == response.headers["x-request-id"]
    assert WELL_FORMED.fullmatch(body["request_id"])


def test_an_endless_chunked_body_is_refused_without_reading_on() -> None:
    chunk = b" " * (BODY_LIMIT_BYTES // 4)
    status, body, read = post_chunks(iter([chunk] * 1000))
    assert (status, body["code"], read) == (413, "ISL_REQUEST_TOO_LARGE", 5)


def test_a_chunked_body_within_the_limit_is_answered() -> None:
    content = json.dumps(VALID).encode()
    status, body, _ = post_chunks(iter([content[:10], content[10:]]))
    assert (status, body["status"]) == (200, "identifiable")


def test_a_body_of_exactly_the_limit_is_parsed() -> None:
    content = json.dumps(VALID).encode()
    assert post(content + b" " * (BODY_LIMIT_BYTES - len(content))).status_code == 200


@pytest.mark.parametrize("content", [json.dumps(VALID).encode(), b"{", b" " * (BODY_LIMIT_BYTES + 1)])
def test_every_answer_carries_the_security_headers(content: bytes) -> None:
    headers = post(content).headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", ["/api/v1/outcomes/summary/", "/health/", f"{VALIDATE}/"])
def test_a_last_slash_too_many_is_no_redirect_to_a_host_of_the_callers_choice(path: str) -> None:
    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://evil.test") as client:
            return await client.get(path)

    answer = asyncio.run(call())
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("extensions", "kinds"),
    [
        ({"websocket.http.response": {}}, ["websocket.http.response.start", "websocket.http.response.body"]),
        ({}, ["websocket.close"]),
    ],
)
def test_a_websocket_is_refused(extensions: dict[str, Any], kinds: list[str]) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"x-request-id", b"req_0123456789abcdef")]
    asyncio.run(APP({"type": "websocket", "path": "/x", "headers": headers, "extensions": extensions}, receive, send))
    assert [message["type"] for message in sent] == kinds
    if extensions:
        assert (sent[0]["status"], json.loads(sent[1]["body"])["request_id"]) == (404, "req_0123456789abcdef")
        assert headers[0] in sent[0]["headers"]
