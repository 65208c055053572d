"""The sink over HTTP: one address per kind and channel, answering as the real ones do, and a page that shows what came.

/hooks/<channel>                  internal integrations, signed; and legacy webhooks, which are not
/<kind>/<channel>/<secret>        Slack, Discord, Teams: incoming webhooks, whose address is the secret
/pagerduty/v2/enqueue             Events API v2; the routing key says which channel it is
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from rehearsal.clock import now
from rehearsal.sink.mailbox import receiving_mail
from rehearsal.sink.pages import Message, keep_page, read_pages
from rehearsal.sink.readers import NOT_A_MESSAGE, READERS, Kind, read_sentry_app
from rehearsal.sink.view import HEADERS, render, style

MAX_BODY_BYTES: Final = 1024 * 1024
UNKNOWN: Final = "unknown"
CHATS: Final[Mapping[str, Kind]] = {"slack": "slack", "discord": "discord", "msteams": "msteams"}


class Sink:
    """Keeps messages in a file; the secrets are read anew for each, since Sentry tells them late."""

    def __init__(self, pages: Path, secrets: Path) -> None:
        self._pages = pages
        self._secrets = secrets

    async def hook(self, request: Request) -> Response:
        came_at = now()
        body, channel, headers = await _body(request), request.path_params["channel"], request.headers
        if body is None:
            return _too_large()
        if "sentry-hook-resource" not in headers:
            message = Message(came_at, "webhook", channel, _text(body))
            return self._keep(message, None) or JSONResponse({"received": True})
        secret = self.secrets().get(channel)
        expected = hmac.new((secret or "").encode(), body, hashlib.sha256).hexdigest()
        is_signed = bool(secret) and hmac.compare_digest(expected, headers.get("sentry-hook-signature", ""))
        try:
            reading = read_sentry_app(_text(body), headers["sentry-hook-resource"])
        except NOT_A_MESSAGE as error:
            return _refuse("sentry_app", error)
        keep_page(self._pages, Message(came_at, "sentry_app", channel, _text(body)), reading, is_signed=is_signed)
        return JSONResponse({"received": True})

    async def chat(self, request: Request) -> Response:
        came_at, kind, channel = now(), CHATS.get(request.path_params["kind"]), request.path_params["channel"]
        if kind is None:
            return PlainTextResponse("not found", 404)
        body = await _body(request)
        if body is None:
            return _too_large()
        expected = self.secrets().get(f"{kind}:{channel}", "")
        is_signed = bool(expected) and hmac.compare_digest(expected, request.path_params["secret"])
        return self._keep(Message(came_at, kind, channel, _text(body)), is_signed) or _thanks(kind)

    async def pagerduty(self, request: Request) -> Response:
        came_at = now()
        body = await _body(request)
        if body is None:
            return _too_large()
        try:
            event = json.loads(body)
            key, dedup_key = str(event["routing_key"]), event["dedup_key"]
        except NOT_A_MESSAGE as error:
            return _refuse("pagerduty", error)
        keys = {secret: name for name, secret in self.secrets().items() if name.startswith("pagerduty:")}
        name = keys.get(key, f"pagerduty:{UNKNOWN}").partition(":")[2]
        thanks = JSONResponse({"status": "success", "message": "Event processed", "dedup_key": dedup_key}, 202)
        return self._keep(Message(came_at, "pagerduty", name, _text(body)), key in keys) or thanks

    async def page(self, _: Request) -> Response:
        return Response(render(list(read_pages(self._pages))), headers=HEADERS, media_type="text/html")

    async def style(self, _: Request) -> Response:
        return Response(style(), headers=HEADERS, media_type="text/css")

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def keep_mail(self, recipients: tuple[str, ...], mail: str) -> str | None:
        """Keep a mail; return what is wrong with it, None if nothing is."""
        refused = self._keep(Message(now(), "email", ", ".join(recipients), mail), None)
        return bytes(refused.body).decode() if refused else None

    def secrets(self) -> dict[str, str]:
        return dict(json.loads(self._secrets.read_text())) if self._secrets.exists() else {}

    def _keep(self, message: Message, is_signed: bool | None) -> Response | None:
        """Keep a message, or return the refusal of what is none."""
        try:
            reading = READERS[message.kind](message.raw)
        except NOT_A_MESSAGE as error:
            return _refuse(message.kind, error)
        keep_page(self._pages, message, reading, is_signed=is_signed)
        return None


def build_sink(pages: Path, secrets: Path, mail: tuple[str, int] | None = None) -> Starlette:
    """An app that appends to `pages` (JSON lines) and checks senders with `secrets` (JSON, channel -> secret).

    With a `mail` address, a host and a port, it takes e-mail there while it runs.
    """
    sink = Sink(pages, secrets)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if mail is None:
            yield
            return
        async with receiving_mail(*mail, sink.keep_mail):
            yield

    routes = [
        Route("/", sink.page),
        Route("/style.css", sink.style),
        Route("/health", sink.health),
        Route("/hooks/{channel}", sink.hook, methods=["POST"]),
        Route("/pagerduty/v2/enqueue", sink.pagerduty, methods=["POST"]),
        Route("/{kind}/{channel}/{secret}", sink.chat, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _body(request: Request) -> bytes | None:
    """The body, None if it is more than a message can be."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            return None
    return bytes(content)


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="replace")


def _too_large() -> Response:
    return JSONResponse({"detail": f"more than {MAX_BODY_BYTES} bytes"}, 413)


def _thanks(kind: Kind) -> Response:
    """What the real one says."""
    if kind == "slack":
        return PlainTextResponse("ok")
    return Response(status_code=204) if kind == "discord" else Response(status_code=202)


def _refuse(kind: Kind, error: Exception) -> Response:
    said = f"no message of kind {kind}: {type(error).__name__} {error}"
    if kind == "slack":
        return PlainTextResponse("invalid_payload", 400)
    if kind == "pagerduty":
        return JSONResponse({"status": "invalid event", "message": said, "errors": [said]}, 400)
    return JSONResponse({"detail": said}, 400)
