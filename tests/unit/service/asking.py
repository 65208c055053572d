"""The app in process, asked without a socket."""

import asyncio
import json

import httpx
from fastapi import FastAPI


def call(
    app: FastAPI, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Send one request; a bug in the app is its 500 and not an exception here."""

    async def run() -> httpx.Response:
        return await send(app, method, path, content, headers)

    return asyncio.run(run())


async def send(
    app: FastAPI, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Do what `call` does, on a loop that runs."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://isl.test") as client:
        return await client.request(method, path, content=content, headers=headers)


def post(app: FastAPI, path: str, body: object) -> httpx.Response:
    """POST a document, also one with NaN in it, which JSON does not know and Python writes."""
    return call(app, "POST", path, json.dumps(body).encode(), {"content-type": "application/json"})
