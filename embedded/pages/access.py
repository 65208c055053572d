"""Who may look, and who may change: nobody needs a login on loopback, anywhere else the web API's token is asked for.

A1  the cookie is signed, HttpOnly and SameSite=Strict; a new token ends every session
A2  a change carries the session's own form token, so that no other site can make it
A3  on loopback the Host header must name loopback, so that no other site can be given our address (DNS rebinding)
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from embedded.api.context import Context
from embedded.pages.frame import FORM_TOKEN, render
from embedded.store.projects import token_scopes

router = APIRouter()
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
MAX_FORM_BYTES: Final = 4_096
VISITOR: Final = "visitor"  # in the session of whoever has shown the token


class LoginNeededError(Exception):
    """Raised when a page is asked for by somebody who has not shown the token."""


def is_loopback(host: str) -> bool:
    """Can only this machine reach what listens here?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def session_secret(token: str) -> str:
    """The key that signs cookies: a new token makes a new one (A1)."""
    return hmac.new(token.encode(), b"pages", hashlib.sha256).hexdigest()


def _visitor(request: Request) -> Context:
    """What every page gets. Raises LoginNeededError; 421 for a host that is not ours (A3)."""
    if request.app.state.is_open:
        if _host_name(request) not in LOOPBACK_NAMES:
            raise HTTPException(421, "This engine listens on loopback only; ask for it as 127.0.0.1 or localhost.")
    elif not request.session.get(VISITOR):
        raise LoginNeededError
    context: Context = request.app.state.context
    return context


Visit = Annotated[Context, Depends(_visitor)]


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a small form. Raises 413 when it is large, 403 when it is not this session's own (A2)."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(413, f"A form has at most {MAX_FORM_BYTES} bytes.")
    fields = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    expected = str(request.session.get(FORM_TOKEN, ""))
    if not expected or not hmac.compare_digest(expected.encode(), fields.get(FORM_TOKEN, "").encode()):
        raise HTTPException(403, "This form is not of your session. Load its page again and send it from there.")
    return fields


Form = Annotated[dict[str, str], Depends(read_form)]


@router.get("/login")
def login_form(request: Request, next: str = "/") -> Response:  # noqa: A002 - the field's usual name
    return render(request, "login.html.jinja", next=_own_path(next), is_wrong=False)


@router.post("/login")
def log_in(request: Request, form: Form) -> Response:
    """Take the token, and go on to where the visitor wanted to go."""
    goal = _own_path(form.get("next", "/"))
    context: Context = request.app.state.context
    if token_scopes(context.read(), form.get("token", "").strip()) != ():  # unknown, or for a part of the web API only
        return render(request, "login.html.jinja", status=403, next=goal, is_wrong=True)
    request.session.clear()  # what was signed before the login is worth nothing after it
    request.session.update({VISITOR: True, FORM_TOKEN: secrets.token_urlsafe()})
    return RedirectResponse(goal, 303)


@router.post("/logout")
def log_out(request: Request, form: Form) -> Response:  # noqa: ARG001 - its check is what matters
    request.session.clear()
    return RedirectResponse("/login", 303)


def _own_path(path: str) -> str:
    """A path of this engine, whatever a link asks for."""
    is_own = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_own else "/"


def _host_name(request: Request) -> str:
    """The Host header without its port."""
    return re.sub(r":[0-9]*$", "", request.headers.get("host", "")).lower()
