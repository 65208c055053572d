"""Every channel from an envelope to a real receiver, over failures and a restart; and no secret is shown."""

import os
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.path.engine import (
    ORGANIZATION,
    Engine,
    Receiver,
    Start,
    await_true,
    detector_body,
    error,
    free_port,
    receiving,
    starting,
    transaction,
    workflow_body,
)

SECRET = "s3cr3t"
SPECIFIC = {"targetType": "specific", "targetIdentifier": "C1", "targetDisplay": "ops"}
PROVIDERS = ("slack", "pagerduty", "discord", "msteams")
NEW, RETURNED, RESOLVED = "first_seen_event", "regression_event", "issue_resolved_trigger"
ACTIONS: list[dict[str, Any]] = [
    *({"type": kind, "integrationId": str(at), "config": SPECIFIC} for at, kind in enumerate(PROVIDERS, 1)),
    {"type": "email", "config": {"targetType": "issue_owners", "targetIdentifier": ""}},
    {"type": "webhook", "config": {"targetIdentifier": "webhooks"}},
]


class Mailbox:
    """Keeps mails; refuses as often as it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusals: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002 - its name
        if self.refusals:
            return self.refusals.pop(0)
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 kept"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from receiving()


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def channels(tmp_path: Path, receiver: Receiver, mailbox: tuple[Mailbox, int]) -> str:
    """The file of channels, all of which lead to the receivers."""
    (tmp_path / "hook").write_text(f"{receiver.url}/{SECRET}")
    target = {"id": "C1", "name": "#ops", "secret": f"file:{tmp_path}/hook"}
    integrations = [
        {"id": at, "provider": kind, "name": f"acme {kind}", "targets": [target], "url": receiver.url}
        for at, kind in enumerate(PROVIDERS, 1)
    ]
    content = {
        "integrations": integrations,
        "mail": {"host": "127.0.0.1", "port": mailbox[1], "sender": "sentry@acme.test", "security": "none"},
        "members": [{"id": 1, "name": "On call", "email": "on-call@acme.test"}],
    }
    (tmp_path / "channels.yml").write_text(yaml.safe_dump(content))
    return str(tmp_path / "channels.yml")


def alert(engine: Engine, detector_ids: list[int], actions: list[dict[str, Any]], *triggers: str) -> dict[str, Any]:
    groups = [{"logicType": "all", "conditions": [], "actions": actions}]
    body = workflow_body(0, detector_ids, *triggers, actionFilters=groups)
    made: dict[str, Any] = engine.ask("POST", f"{ORGANIZATION}/workflows/", body)
    return made


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [orjson.loads(body) for _, body in list(receiver.received)]


def kind_of(body: dict[str, Any]) -> str:
    """Which channel wrote it."""
    marks = {"routing_key": "pagerduty", "embeds": "discord", "triggering_rules": "webhook", "text": "slack"}
    return next((kind for mark, kind in marks.items() if mark in body), "msteams")


def test_one_alert_tells_all_channels_and_shows_no_secret(
    start: Start, receiver: Receiver, mailbox: tuple[Mailbox, int], channels: str
) -> None:
    engine = start(60, channels=channels, drill="true")
    project = engine.project()
    path = f"/projects/sentry/{project.slug}/legacy-webhooks/"
    engine.ask("POST", path, {"urls": [receiver.url], "enabled": True})
    alert(engine, [project.detector()], ACTIONS, NEW)
    project.send(("event", error(release="isl@1")))
    await_true("a message on each of five channels", lambda: len(receiver.received) == 5)
    await_true("the mail", lambda: mailbox[0].mails)
    assert sorted(map(kind_of, bodies(receiver))) == sorted([*PROVIDERS, "webhook"])
    texts = [body.decode().replace("\\", "") for _, body in receiver.received]  # without the escapes of markup
    [mail] = mailbox[0].mails
    for text in (*texts, f"{mail['Subject']} {mail.get_content()}"):
        missing = [each for each in ("[DRILL]", "ValueError: it broke", "isl@1", "/issues/1/") if each not in text]
        assert missing == []
    shown = engine.call("GET", f"{ORGANIZATION}/available-actions/").text
    shown += engine.call("GET", f"{ORGANIZATION}/workflows/").text + (engine.data_dir / "log").read_text()
    assert SECRET not in shown


def test_on_call_tool_gets_alarm_and_recovery_of_one_incident(start: Start, receiver: Receiver, channels: str) -> None:
    engine = start(60, channels=channels)
    project = engine.project()
    monitor = engine.ask("POST", f"{ORGANIZATION}/projects/{project.slug}/detectors/", detector_body())
    alert(engine, [int(monitor["id"])], [ACTIONS[1]], NEW, RETURNED, RESOLVED)

    def send_until(expected: list[str], *, failed: bool) -> None:
        def is_seen() -> bool:
            project.send(("transaction", transaction(failed=failed)))
            return [body["event_action"] for body in bodies(receiver)] == expected

        await_true(f"the events {expected}", is_seen)

    send_until(["trigger"], failed=True)
    send_until(["trigger", "resolve"], failed=False)
    alarm, over = bodies(receiver)
    assert alarm["dedup_key"] == over["dedup_key"]
    assert alarm["payload"]["custom_details"]["Threshold"] == "failure_rate() > 0.05"


def test_undelivered_messages_outlive_the_engine(
    start: Start, receiver: Receiver, mailbox: tuple[Mailbox, int], channels: str
) -> None:
    """Killed with messages that no receiver has taken; the next engine on the same data delivers them."""
    engine = start(channels=channels)
    project = engine.project()
    alert(engine, [project.detector()], ACTIONS[:5], NEW)
    receiver.status, mailbox[0].refusals = 503, ["451 later"] * 3
    project.send(("event", error()))
    log = engine.data_dir / "log"
    await_true("every channel's first failure", lambda: log.read_text().count("answered") >= 5)
    assert "answered 451" in log.read_text()
    engine.kill()
    receiver.status, mailbox[0].refusals = 200, []
    start(channels=channels)
    await_true("a message on each channel", lambda: len(receiver.received) == 4 and mailbox[0].mails)
    assert sorted(map(kind_of, bodies(receiver))) == sorted(PROVIDERS)


def test_mail_that_is_refused_for_good_is_not_tried_again(
    start: Start, mailbox: tuple[Mailbox, int], channels: str
) -> None:
    engine = start(channels=channels)
    project = engine.project()
    alert(engine, [project.detector()], [ACTIONS[4]], NEW)
    mailbox[0].refusals = ["554 no"]
    project.send(("event", error()))
    log = engine.data_dir / "log"
    await_true("the end of it", lambda: "failed for good: e-mail: 127.0.0.1 answered 554" in log.read_text())
    project.send(("event", error("KeyError")))
    await_true("the next mail", lambda: mailbox[0].mails)
    assert ["KeyError" in str(mail["Subject"]) for mail in mailbox[0].mails] == [True]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "slack", "integrationId": "9", "config": SPECIFIC}, "slack integration 9 does not exist"),
    ({**ACTIONS[0], "config": SPECIFIC | {"targetIdentifier": "C9"}}, "acme slack has no 'C9'"),
    ({"type": "email", "config": {"targetType": "user", "targetIdentifier": "9"}}, "User 9 does not exist"),
    ({"type": "email", "config": {"targetType": "team", "targetIdentifier": "9"}}, "Team 9 does not exist"),
    ({"type": "webhook", "config": {"targetIdentifier": "absent"}}, "neither webhooks nor an integration"),
]


def test_action_that_names_nobody_is_refused(start: Start, channels: str) -> None:
    engine = start(channels=channels)
    for action, message in REFUSED:
        groups = [{"logicType": "all", "conditions": [], "actions": [action]}]
        answer = engine.call("POST", f"{ORGANIZATION}/workflows/", workflow_body(0, [], actionFilters=groups))
        assert answer.status_code == 400
        assert message in answer.json()["actionFilters"][0]


def test_addresses_of_legacy_webhooks_are_kept_per_project(start: Start) -> None:
    engine = start()
    path = f"/projects/sentry/{engine.project().slug}/legacy-webhooks/"
    assert engine.ask("GET", path) == {"urls": [], "enabled": False}
    urls = ["http://sink.internal/a", "http://127.0.0.1:1/b"]
    assert engine.ask("POST", path, {"urls": urls}) == {"urls": urls, "enabled": False}
    assert engine.ask("POST", path, {"enabled": True}) == {"urls": urls, "enabled": True}
    assert engine.ask("POST", path, {"urls": []}) == {"urls": [], "enabled": True}
    refused = engine.call("POST", path, {"urls": ["http://sink/"]})
    assert (refused.status_code, list(refused.json())) == (400, ["urls.0"])
    assert engine.call("DELETE", path).status_code == 204
    assert engine.ask("GET", path) == {"urls": [], "enabled": False}


def test_file_of_channels_with_a_mistake_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "channels.yml"
    file.write_text("members: [{id: 1, name: Ann, email: ann@acme.test}]")
    environ = os.environ | {"EMBEDDED_CHANNELS": str(file), "EMBEDDED_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run([sys.executable, "-m", "embedded"], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, "members without mail" in done.stderr) == (2, True)
