"""One id per request: taken from the caller if well-formed, else made here, and put wherever a person may look.

Header, error body, log records and the Sentry tag on errors and on transactions all show the same value.
"""

import re
from contextvars import ContextVar
from typing import Final

import sentry_sdk
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitors import signals
from service.random_ids import random_bytes

HEADER: Final = "X-Request-Id"
RANDOM_BYTES: Final = 8
NO_REQUEST: Final = "-"  # what log lines outside of a request show
WELL_FORMED: Final = re.compile(r"req_[0-9a-f]{16}")

_current: Final[ContextVar[str]] = ContextVar("isl_request_id", default=NO_REQUEST)


def current_request_id() -> str:
    """Return the id of the request in this context, or `-`. Threads of the pool see their request's id."""
    return _current.get()


def new_request_id() -> str:
    """Make `req_` + 16 hex digits (64 random bits: a collision is expected after some 5e9 requests)."""
    return f"req_{random_bytes()[:RANDOM_BYTES].hex()}"


def accept_request_id(offered: str | None) -> str:
    """Keep a well-formed id and replace anything else: ids reach logs and bodies, so callers may not inject text."""
    return offered if offered is not None and WELL_FORMED.fullmatch(offered) else new_request_id()


def begin_request(scope: Scope) -> str:
    """Choose the request's id and make it current.

    Not reset afterwards: the server logs an unhandled error after we are gone, and its line needs the id too. Nothing
    leaks, because every request sets it before anything reads it.
    """
    request_id = accept_request_id(Headers(scope=scope).get(HEADER))
    _current.set(request_id)
    return request_id


class RequestIdMiddleware:
    """Plain ASGI, and outermost: also the response of the catch-all handler passes through here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = begin_request(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        # The isolation scope is this request's own, and its tags go on the transaction as well as on errors.
        sentry_sdk.get_isolation_scope().set_tag(signals.REQUEST_ID.name, request_id)
        await self.app(scope, receive, _with_header(send, request_id))


def _with_header(send: Send, request_id: str) -> Send:
    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[HEADER] = request_id
        await send(message)

    return send_with_header
