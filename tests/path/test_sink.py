"""The engine tells the sink, both as real processes: every kind of channel at once, over HTTP and SMTP."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from rehearsal.sink import Page, read_pages
from tests.path.engine import (
    DEADLINE_S,
    ORGANIZATION,
    ROOT,
    Start,
    await_true,
    error,
    free_port,
    starting,
    workflow_body,
)

CHATS = ("slack", "discord", "msteams")


@dataclass
class RunningSink:
    """A sink process and where it keeps what it got."""

    url: str
    mail_port: int
    folder: Path

    @property
    def pages(self) -> list[Page]:
        return list(read_pages(self.folder / "pages.jsonl"))

    def channels(self) -> str:
        """Write the engine's file of channels, all of which lead here, and return its name."""
        integrations = [
            {
                "id": at,
                "provider": kind,
                "name": kind,
                "targets": [{"id": "C1", "name": "ops", "secret": self.kept(kind)}],
            }
            for at, kind in enumerate((*CHATS, "pagerduty"), 1)
        ]
        integrations[-1]["url"] = f"{self.url}/pagerduty/v2/enqueue"
        content = {
            "integrations": integrations,
            "mail": {"host": "127.0.0.1", "port": self.mail_port, "sender": "sentry@acme.test", "security": "none"},
            "members": [{"id": 1, "name": "On call", "email": "on-call@acme.test"}],
        }
        (self.folder / "channels.yml").write_text(yaml.safe_dump(content))
        return str(self.folder / "channels.yml")

    def kept(self, kind: str) -> str:
        """Write the secret of a channel to a file, and return its reference."""
        secret = f"secret-of-{kind}"
        (self.folder / kind).write_text(secret if kind == "pagerduty" else f"{self.url}/{kind}/ops/{secret}")
        return f"file:{self.folder / kind}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[RunningSink]:
    port, mail_port, folder = free_port(), free_port(), tmp_path / "sink"
    folder.mkdir()
    files = ["--file", str(folder / "pages.jsonl"), "--secrets", str(folder / "secrets.json")]
    ports = ["--port", str(port), "--mail-port", str(mail_port)]
    process = subprocess.Popen([sys.executable, "-m", "rehearsal.sink", *ports, *files], cwd=ROOT)
    running = RunningSink(f"http://127.0.0.1:{port}", mail_port, folder)

    def is_up() -> bool:
        assert process.poll() is None
        try:
            return httpx.get(f"{running.url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        await_true("the sink", is_up)
        yield running
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def test_every_kind_of_message_arrives_and_its_sender_is_known(start: Start, sink: RunningSink) -> None:
    engine = start(channels=sink.channels(), drill="true")
    project = engine.project()
    app = {"name": "ops", "organization": "sentry", "isInternal": True, "webhookUrl": f"{sink.url}/hooks/ops"}
    secrets = {f"{kind}:ops": f"secret-of-{kind}" for kind in (*CHATS, "pagerduty")}
    secrets["ops"] = engine.ask("POST", "/sentry-apps/", app)["clientSecret"]
    (sink.folder / "secrets.json").write_text(json.dumps(secrets))
    webhooks = {"urls": [f"{sink.url}/hooks/legacy"], "enabled": True}
    engine.ask("POST", f"/projects/sentry/{project.slug}/legacy-webhooks/", webhooks)

    specific = {"targetType": "specific", "targetIdentifier": "C1"}
    actions = [
        *({"type": kind, "integrationId": at, "config": specific} for at, kind in enumerate((*CHATS, "pagerduty"), 1)),
        {"type": "email", "config": {"targetType": "team", "targetIdentifier": "1"}},
        {"type": "webhook", "config": {"targetIdentifier": "webhooks"}},
        {"type": "webhook", "config": {"targetIdentifier": "ops"}},
    ]
    groups = [{"logicType": "all", "conditions": [], "actions": actions}]
    body = workflow_body(0, [project.detector()], "first_seen_event", actionFilters=groups)
    engine.ask("POST", f"{ORGANIZATION}/workflows/", body)
    project.send(("event", error(release="isl@1.2.3")))
    await_true("seven messages", lambda: len(sink.pages) == 7)

    assert {(page.kind, page.channel, page.is_signed) for page in sink.pages} == {
        *((kind, "ops", True) for kind in (*CHATS, "pagerduty")),
        ("email", "on-call@acme.test", None),
        ("webhook", "legacy", None),
        ("sentry_app", "ops", True),
    }
    assert all("[DRILL]" in page.title and "ValueError: it broke" in page.title for page in sink.pages)
    assert {page.alert for page in sink.pages} == {"page the on-call"}
    assert {page.url for page in sink.pages} == {f"{engine.url}/issues/1/"}
    document = httpx.get(f"{sink.url}/", trust_env=False).text
    assert document.count("<article") == 7
