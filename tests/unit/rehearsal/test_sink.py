"""Messages as they arrive, of every kind: what is read in them, who proved to be the sender, and how they are shown."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from embedded.channels import discord, email, legacy_webhook, msteams, pagerduty, sentry_app, slack
from embedded.channels.base import Notification
from embedded.channels.message import compose
from embedded.destinations import Mail
from embedded.store.projects import SentryApp
from rehearsal.sink import Page, read_pages
from rehearsal.sink.app import MAX_BODY_BYTES, build_sink
from rehearsal.sink.readers import READERS, Kind, Reading, read_sentry_app
from rehearsal.sink.view import render as render_page
from tests.unit.embedded.fakes import notification
from tests.unit.rehearsal.samples import ORIGIN

METRIC = {
    "action": "critical",
    "data": {
        "description_title": "Critical: M",
        "description_text": "failure_rate() is 0.07",
        "web_url": "http://x.test/1",
        "metric_alert": {"alert_rule": {"name": "A"}},
    },
}
EVENT = {
    "action": "triggered",
    "data": {"triggered_rule": "B", "event": {"title": "T", "culprit": None, "web_url": "http://x.test/2"}},
}


def post(tmp_path: Path, body: dict[str, Any], resource: str, key: str = "s") -> int:
    (tmp_path / "secrets.json").write_text(json.dumps({"isl-alerts": "s"}))
    content = json.dumps(body).encode()
    signature = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    headers = {"sentry-hook-resource": resource, "sentry-hook-signature": signature}
    return ask(tmp_path, "POST", "/hooks/isl-alerts", content, headers).status_code


def ask(
    tmp_path: Path, method: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None
) -> httpx.Response:
    app = build_sink(tmp_path / "pages.jsonl", tmp_path / "secrets.json")

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sink.test") as client:
            return await client.request(method, path, content=content, headers=headers)

    return anyio.run(send)


@pytest.mark.parametrize(
    ("body", "resource", "alert", "title"),
    [(METRIC, "metric_alert", "A", "Critical: M"), (EVENT, "event_alert", "B", "T")],
)
def test_both_kinds_of_webhook_become_pages(
    tmp_path: Path, body: dict[str, Any], resource: str, alert: str, title: str
) -> None:
    assert post(tmp_path, body, resource) == 200
    page = next(read_pages(tmp_path / "pages.jsonl"))
    assert (page.alert, page.title, page.action, page.is_signed) == (alert, title, body["action"], True)


def test_a_wrong_signature_is_kept_and_marked(tmp_path: Path) -> None:
    assert post(tmp_path, METRIC, "metric_alert", key="other") == 200
    assert next(read_pages(tmp_path / "pages.jsonl")).is_signed is False


@pytest.mark.parametrize(("body", "resource"), [({}, "metric_alert"), (METRIC, "issue"), ({"data": []}, "event_alert")])
def test_what_is_no_signed_webhook_is_refused(tmp_path: Path, body: dict[str, Any], resource: str) -> None:
    assert post(tmp_path, body, resource) == 400
    assert not list(read_pages(tmp_path / "pages.jsonl"))


def test_a_half_written_line_is_left_for_later(tmp_path: Path) -> None:
    post(tmp_path, METRIC, "metric_alert")
    with (tmp_path / "pages.jsonl").open("a") as file:
        file.write('{"half":')
    assert len(list(read_pages(tmp_path / "pages.jsonl"))) == 1


MAIL = Mail(host="127.0.0.1", sender="sentry@acme.test", security="none")
APP = SentryApp(1, "ops", "ops", "uuid", "client", "secret", "http://127.0.0.1:9/", "", ORIGIN)
RESOLVED: dict[str, Any] = {"kind": "issue_resolved_trigger", "level": 0}
SECRETS = {"slack:#ops": "tok/en", "discord:42": "t", "msteams:ops": "t", "pagerduty:isl": "key"}


def written(kind: Kind, told: Notification) -> str:
    """The message as the engine writes it."""
    match kind:
        case "sentry_app":
            return json.dumps(sentry_app.render(told, APP)[1])
        case "webhook":
            return json.dumps(legacy_webhook.render(told))
        case "slack":
            return json.dumps(slack.render(compose(told)))
        case "pagerduty":
            return json.dumps({"routing_key": "key", **pagerduty.render(told)})
        case "discord":
            return json.dumps(discord.render(compose(told), told.at.isoformat()))
        case "msteams":
            return json.dumps(msteams.render(compose(told)))
        case "email":
            return email.render(told, MAIL, ("on-call@acme.test",)).as_string()


def reading_of(kind: Kind, told: Notification) -> Reading:
    if kind == "sentry_app":
        return read_sentry_app(written(kind, told), sentry_app.render(told, APP)[0])
    return READERS[kind](written(kind, told))


@pytest.mark.parametrize("kind", ["sentry_app", *READERS])
def test_every_kind_is_read_back_as_it_was_meant(kind: Kind) -> None:
    read = reading_of(kind, notification())
    assert "Critical: ISL error rate" in read.title
    assert (read.alert, read.url) == ("page the on-call", "http://engine.test/issues/3/")
    assert "0.1234" in read.text + read.title
    facts = dict(read.facts)
    assert facts["Threshold"] == "failure_rate() > 0.1"
    assert (facts["Environment"], facts["Release"]) == ("prod", "isl@1.2.3")
    assert dict(read.links)["Runbook"] == "http://wiki.test/isl"


@pytest.mark.parametrize("kind", [kind for kind in ("sentry_app", *READERS) if kind != "webhook"])
def test_every_kind_tells_alarm_from_recovery(kind: Kind) -> None:
    told = [notification(), notification(level=50), notification(**RESOLVED), notification(is_metric=False, level=0)]
    read = [reading_of(kind, each).action for each in told]
    expected = ["critical", "warning", "resolved", "critical" if kind == "pagerduty" else "triggered"]
    assert read == expected


@pytest.mark.parametrize("kind", READERS)
def test_drill_is_recognised_on_every_kind(kind: Kind) -> None:
    assert "[DRILL]" in reading_of(kind, notification(is_drill=True)).title
    assert reading_of(kind, notification(is_drill=True, level=50)).action in ("warning", "triggered")


@pytest.mark.parametrize(
    ("kind", "path", "status", "channel", "is_signed"),
    [
        ("slack", "/slack/%23ops/tok%2Fen", 404, None, None),  # a slash is none of a secret
        ("slack", "/slack/%23ops/wrong", 200, "#ops", False),
        ("discord", "/discord/42/t", 204, "42", True),
        ("msteams", "/msteams/ops/t", 202, "ops", True),
        ("msteams", "/msteams/other/t", 202, "other", False),
        ("pagerduty", "/pagerduty/v2/enqueue", 202, "isl", True),
        ("webhook", "/hooks/legacy", 200, "legacy", None),
    ],
)
def test_channel_and_sender_are_told_by_address_or_key(
    tmp_path: Path, kind: Kind, path: str, status: int, channel: str | None, is_signed: bool | None
) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
    assert ask(tmp_path, "POST", path, written(kind, notification()).encode()).status_code == status
    found = [(page.kind, page.channel, page.is_signed) for page in read_pages(tmp_path / "pages.jsonl")]
    assert found == ([] if channel is None else [(kind, channel, is_signed)])


def test_unknown_routing_key_is_kept_and_marked(tmp_path: Path) -> None:
    assert ask(tmp_path, "POST", "/pagerduty/v2/enqueue", written("pagerduty", notification()).encode()).is_success
    [page] = read_pages(tmp_path / "pages.jsonl")
    assert (page.channel, page.is_signed) == ("unknown", False)


@pytest.mark.parametrize("path", ["/hooks/x", "/slack/a/b", "/discord/a/b", "/msteams/a/b", "/pagerduty/v2/enqueue"])
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'"x"', b'{"attachments": [{}]}', b"\xff", b'{"embeds": [1]}']
)
def test_what_is_no_message_is_refused(tmp_path: Path, path: str, body: bytes) -> None:
    assert ask(tmp_path, "POST", path, body).status_code == 400
    assert not (tmp_path / "pages.jsonl").exists()


def test_body_without_end_is_refused(tmp_path: Path) -> None:
    assert ask(tmp_path, "POST", "/slack/a/b", b"x" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_unknown_kind_has_no_address(tmp_path: Path) -> None:
    assert ask(tmp_path, "POST", "/irc/a/b", b"{}").status_code == 404


def test_page_runs_nothing_and_links_only_to_the_web() -> None:
    hostile = "<script>alert(1)</script>"
    page = Page(
        ORIGIN, hostile, "critical", hostile, hostile, hostile, "javascript:alert(1)", None, "slack",
        ((hostile, hostile),), (("x", "javascript:alert(2)"), ("ok", "https://ok.test/")), hostile,
    )  # fmt: skip
    document = render_page([page])
    assert "<script" not in document
    assert "javascript:" not in document
    assert 'href="https://ok.test/"' in document


def test_page_is_served_under_a_strict_policy(tmp_path: Path) -> None:
    for path in ("/", "/style.css"):
        answer = ask(tmp_path, "GET", path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; ")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Nobody has been told anything yet." in ask(tmp_path, "GET", "/").text
