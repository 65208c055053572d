"""Any exception in, one Olumi response out: the only place where errors meet HTTP."""

import logging
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from service.error_bodies import ErrorBody, Recovery, to_isl_error
from service.errors import SERVER_ERROR, IslError, OverloadedError
from service.request_id import current_request_id

log: Final = logging.getLogger("isl.errors")


def install_error_handlers(app: FastAPI) -> None:
    """Answer every failure with an Olumi body.

    The handler for Exception runs in Starlette's outermost middleware, which raises the exception again afterwards:
    that is how Sentry gets it as unhandled, exactly once.
    """
    for kind in (IslError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _respond)


async def _respond(_request: Request, error: Exception) -> JSONResponse:
    known = to_isl_error(error)
    _log_once(known, error)
    response = error_response(known)
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})  # 405 must keep its Allow header
    return response


def error_response(error: IslError) -> JSONResponse:
    """Build the response that carries the error, under the current request's id."""
    body = error_body(error, current_request_id())
    retry_after_s = error.details.retry_after_s
    headers = None if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return JSONResponse(body.model_dump(mode="json"), error.status_code, headers)


def error_body(error: IslError, request_id: str) -> ErrorBody:
    """Build the body that the client reads."""
    spec, details = error.code.value, error.details
    return ErrorBody(
        code=error.code.name,
        message=error.message,
        reason=details.reason or spec.reason,
        recovery=Recovery(hints=details.hints or (spec.suggestion,), suggestion=spec.suggestion),
        validation_failures=details.validation_failures,
        node_count=details.node_count,
        edge_count=details.edge_count,
        missing_nodes=details.missing_nodes,
        attempted_methods=details.attempted_methods,
        retryable=spec.retryable,
        request_id=request_id,
    )


def _log_once(known: IslError, error: Exception) -> None:
    """Write one line for a typed failure of ours; an unhandled one is logged with its traceback by the server.

    Nothing for shed load: a line each would be the next load.
    """
    if known is error and known.status_code >= SERVER_ERROR and not isinstance(known, OverloadedError):
        log.error("failed with %s", known.code.name)
