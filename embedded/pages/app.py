"""The pages as one ASGI app: session, security headers, error pages, routes."""

from collections.abc import MutableMapping
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException as RouterError
from starlette.middleware.sessions import SessionMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from embedded.api.context import Context
from embedded.pages import access, issues, monitors, overview, performance, releases, stats
from embedded.pages.extension import Extension
from embedded.pages.frame import make_templates, render

COOKIE: Final = "rehearsal_session"
SESSION_S: Final = 12 * 3600  # a working day
# No inline script and no style attribute runs, nothing comes from another host, and nobody frames a page.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),  # assets are asked for again, and answered 304
)
INVALID: Final = 400
FAILED: Final = 500
UNROUTED: Final = {
    404: "There is no page at this address. The sections above lead to all that there are.",
    405: "This address does not take that method. Go back to the page that you came from.",
}


def build_pages(context: Context, token: str, host: str, extension: Extension) -> ASGIApp:
    """Wire the pages; `host` is the address that the engine is bound to, `token` the one that opens them elsewhere."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.context = context
    app.state.is_open = access.is_loopback(host)
    app.state.extension = extension
    app.state.templates = make_templates(extension.templates)
    for module in (access, overview, issues, performance, releases, monitors, stats):
        app.include_router(module.router)
    for section in extension.sections:
        app.include_router(section.router)
    app.mount("/static", StaticFiles(directory=str(files("embedded.pages").joinpath("static"))))
    app.add_exception_handler(access.LoginNeededError, _on_login_needed)
    app.add_exception_handler(HTTPException, _on_error)
    app.add_exception_handler(RouterError, _on_unrouted)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(OverflowError, _on_overflow)
    app.add_exception_handler(Exception, _on_failure)
    app.add_middleware(
        SessionMiddleware,
        secret_key=access.session_secret(token),
        session_cookie=COOKIE,
        max_age=SESSION_S,
        same_site="strict",
    )
    return _with_headers(app)


def _with_headers(app: ASGIApp) -> ASGIApp:
    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in HEADERS if each[0] not in own)]
            await send(message)

        await app(scope, receive, send_with_headers)

    return respond


async def _on_login_needed(request: Request, _: Exception) -> Response:
    wanted = request.url.path if request.method == "GET" else "/"
    return RedirectResponse(f"/login?next={wanted}", 303)


async def _on_error(request: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (FAILED, "")
    return render(request, "error.html.jinja", status=status, code=status, detail=detail)


async def _on_unrouted(request: Request, error: Exception) -> Response:
    """Tell what the router found by itself. What pages raise is FastAPI's subclass of it, with words of ours."""
    status, headers = (error.status_code, error.headers) if isinstance(error, RouterError) else (FAILED, None)
    answer = render(request, "error.html.jinja", status=status, code=status, detail=UNROUTED.get(status, ""))
    answer.headers.update(headers or {})  # a 405 says what is allowed
    return answer


async def _on_invalid(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    detail = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in problems)
    return render(request, "error.html.jinja", status=INVALID, code=INVALID, detail=detail)


async def _on_overflow(request: Request, _: Exception) -> Response:
    return render(request, "error.html.jinja", status=404, code=404, detail="There is nothing with such an id.")


async def _on_failure(request: Request, _: Exception) -> Response:
    """Say nothing of the exception: once this is sent, Starlette raises it again, and the server logs its trace."""
    return render(request, "failure.html.jinja", status=FAILED)
