"""There are no WebSockets here. Servers that can speak them ask all the same, past every layer that is about HTTP."""

from typing import Final

from starlette.types import Receive, Scope, Send

from service.error_handlers import error_response
from service.errors import Details, ErrorCode, IslError
from service.request_id import HEADER, begin_request
from service.security_headers import HEADERS

DENIAL: Final = "websocket.http.response"  # ASGI's extension for a refusal with a body


async def refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404 with an Olumi body, as any path that no route takes; where the server cannot, close."""
    request_id = begin_request(scope)
    if DENIAL not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    error = IslError(ErrorCode.ISL_INVALID_INPUT, "Not Found", Details(reason="not_found"))
    error.status_code = 404
    response = error_response(error)
    response.headers.update({**HEADERS, HEADER: request_id})
    await response(scope, receive, send)
