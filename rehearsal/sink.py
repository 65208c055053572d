"""The notification sink: receives pages as an on-call tool would, and keeps when each came and what it said.

One address per channel, `/hooks/<channel>`. Run by `rehearse`, or by hand: python -m rehearsal.sink --file pages.jsonl
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rehearsal.clock import now
from rehearsal.settings import PORTS

MAX_BODY_BYTES: Final = 1024 * 1024
RESOLVED: Final = "resolved"


@dataclass(frozen=True, slots=True)
class Page:
    """One notification as it arrived."""

    received_at: datetime
    channel: str
    action: str  # critical, warning, resolved or triggered
    alert: str  # name of the alert that sent it
    title: str
    text: str
    url: str
    is_signed: bool  # the signature is that of the channel's secret

    @property
    def is_resolve(self) -> bool:
        return self.action == RESOLVED


def build_sink(pages: Path, secrets: Path) -> Starlette:
    """An app that appends to `pages` (JSON lines) and checks signatures with `secrets` (JSON, channel -> secret)."""

    async def receive(request: Request) -> Response:
        body = await request.body()
        if len(body) > MAX_BODY_BYTES:
            return JSONResponse({"detail": f"more than {MAX_BODY_BYTES} bytes"}, 413)
        try:
            page = read_page(request.path_params["channel"], request.headers, body, _load(secrets))
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"detail": f"not a Sentry webhook: {error}"}, 400)
        line = asdict(page) | {"received_at": page.received_at.isoformat(), "body": json.loads(body)}
        with pages.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return JSONResponse({"received": True})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/hooks/{channel}", receive, methods=["POST"]), Route("/health", health)])


def read_page(channel: str, headers: Any, body: bytes, secrets: dict[str, str]) -> Page:
    """Read a webhook of either kind. Raises ValueError, KeyError or TypeError when it is none."""
    content = json.loads(body)
    data = content["data"]
    expected = hmac.new(secrets.get(channel, "").encode(), body, hashlib.sha256).hexdigest()
    is_signed = channel in secrets and hmac.compare_digest(expected, headers.get("sentry-hook-signature", ""))
    resource = headers.get("sentry-hook-resource", "")
    if resource == "metric_alert":
        alert, title, text, url = (
            data["metric_alert"]["alert_rule"]["name"],
            data["description_title"],
            data["description_text"],
            data["web_url"],
        )
    elif resource == "event_alert":
        event = data["event"]
        where = (event["culprit"], event.get("environment"), event.get("release"))
        alert, title, text, url = data["triggered_rule"], event["title"], _join(where), event["web_url"]
    else:
        raise ValueError(f"Sentry-Hook-Resource {resource!r}")
    return Page(now(), channel, content["action"], alert, title, text, url, is_signed)


def read_pages(path: Path) -> Iterator[Page]:
    """Yield the pages so far; a line that is still being written is left for the next time."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                fields = json.loads(line)
                fields.pop("body")
                yield Page(**fields | {"received_at": datetime.fromisoformat(fields["received_at"])})


def _join(parts: tuple[str | None, ...]) -> str:
    return ", ".join(part for part in parts if part)


def _load(secrets: Path) -> dict[str, str]:
    return dict(json.loads(secrets.read_text())) if secrets.exists() else {}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=PORTS["sink"], show_default=True)
@click.option("--file", "pages", type=click.Path(path_type=Path), required=True, help="Where pages are appended.")
@click.option("--secrets", type=click.Path(path_type=Path), required=True, help="JSON file, channel to client secret.")
def main(host: str, port: int, pages: Path, secrets: Path) -> None:
    """Receive notifications until stopped."""
    uvicorn.run(build_sink(pages, secrets), host=host, port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
