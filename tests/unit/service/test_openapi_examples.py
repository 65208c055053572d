"""Every example of the documentation is sent as it stands."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import build_app
from tests.unit.service.asking import call, send
from tests.unit.service.quiet import quiet_settings


def _open_app(folder: Path) -> FastAPI:
    database = f"sqlite:///{folder}/isl.db"
    return build_app(quiet_settings(ISL_DATABASE_URL=database, ISL_PLOT_URL="http://127.0.0.1:9"))  # nobody


JSON = {"content-type": "application/json"}
DOCUMENT: dict[str, Any] = call(_open_app(Path("unused")), "GET", "/openapi.json").json()


def _examples() -> Iterator[tuple[str, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        if "requestBody" in methods.get("post", {}):
            reference = methods["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
            yield path, schema.get("examples", [])


@pytest.mark.parametrize(("path", "examples"), list(_examples()))
def test_examples_are_answered(path: str, examples: list[Any], tmp_path: Path) -> None:
    assert examples, "a route that takes a body shows one"

    async def ask() -> list[httpx.Response]:
        app = _open_app(tmp_path)
        async with app.router.lifespan_context(app):
            return [await send(app, "POST", path, json.dumps(each).encode(), JSON) for each in examples]

    for answer in asyncio.run(ask()):
        assert answer.is_success, answer.text
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
