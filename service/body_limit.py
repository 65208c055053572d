"""A bound on what a request may carry, whether it announces its size or sends chunk after chunk. Pure ASGI.

The body is read here, up to the limit, and handed on whole: the largest that is let through is small enough to hold,
and whoever parses it cannot turn "too large" into another error.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.error_handlers import error_response
from service.errors import ErrorCode, IslError

BODY_LIMIT_BYTES: Final = 1024 * 1024  # the largest legal model, 100 equations of 1,000 characters, is a tenth of it


class BodyLimitMiddleware:
    """Answers 413 with an Olumi body, and reads no further."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > BODY_LIMIT_BYTES:
            await _refuse()(scope, receive, send)
            return
        messages = await _read(receive)
        if messages is None:
            await _refuse()(scope, receive, send)
            return
        await self.app(scope, _replay(messages, receive), send)


async def _read(receive: Receive) -> list[Message] | None:
    """Collect the body's messages; None when they exceed the limit."""
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > BODY_LIMIT_BYTES:
            return None
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """Give the collected messages, then whatever comes later, which is the client's disconnect."""
    waiting = iter(messages)

    async def replay() -> Message:
        return next(waiting, None) or await receive()

    return replay


def _refuse() -> JSONResponse:
    message = f"The body is larger than {BODY_LIMIT_BYTES} bytes"
    response = error_response(IslError(ErrorCode.ISL_REQUEST_TOO_LARGE, message))
    response.headers["connection"] = "close"  # what is left of the body is not read
    return response
