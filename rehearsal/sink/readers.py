"""The body of a message -> what a person reads in it, one reader per kind. What is no such message is refused.

Each looks where its product looks. The readers share no code with the channels that write: a mistake there shows here.
Readers raise ValueError, KeyError, IndexError, TypeError or AttributeError for a body of another shape.
"""

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email import message_from_string, policy
from typing import Any, Final, Literal

Kind = Literal["sentry_app", "webhook", "slack", "pagerduty", "discord", "msteams", "email"]
Pairs = tuple[tuple[str, str], ...]

NOT_A_MESSAGE: Final = (ValueError, KeyError, IndexError, TypeError, AttributeError)
DRILL: Final = "[DRILL] "
TRIGGERED: Final = "triggered"
STATES: Final = ("critical", "warning", "resolved")  # with which titles about monitors begin
ALERT: Final = "Alert"  # the fact that names the alert
ESCAPED: Final = re.compile(r"\\([\\*_~`|>\[\]()#<-])")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says."""

    action: str  # critical, warning, resolved or triggered
    alert: str
    title: str
    text: str
    url: str
    facts: Pairs = ()
    links: Pairs = ()


def read_sentry_app(body: str, resource: str) -> Reading:
    """Read the webhook of an internal integration; `resource` is its header Sentry-Hook-Resource."""
    content = json.loads(body)
    data = content["data"]
    facts, links = _pairs(data.get("facts") or {}), _pairs({"Runbook": data.get("runbook_url")})
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
    return Reading(content["action"], alert, title, text, url, facts, (("Issue", url), *links))


def read_webhook(body: str) -> Reading:
    """Read a project's legacy webhook."""
    content = json.loads(body)
    event, url = content["event"], content["url"]
    title = event.get("title") or content["message"]
    links = (("Issue", url), *_pairs({"Runbook": event.get("runbook_url")}))
    return Reading(
        TRIGGERED,
        ", ".join(content["triggering_rules"]),
        title,
        content["message"].removeprefix(f"{title}: "),
        url,
        _pairs(event.get("facts") or {}),
        links,
    )


def read_slack(body: str) -> Reading:
    """Read a message of Block Kit, in its attachment or on its own."""
    content = json.loads(body)
    blocks = content.get("blocks") or content["attachments"][0]["blocks"]
    sections = [block for block in blocks if block["type"] == "section"]
    facts = [_slack_text(each["text"]).split("\n", 1) for block in sections for each in block.get("fields", ())]
    buttons = [each for block in blocks if block["type"] == "actions" for each in block["elements"]]
    notes = [_slack_text(each["text"]) for block in blocks if block["type"] == "context" for each in block["elements"]]
    title = next(block["text"]["text"] for block in blocks if block["type"] == "header")
    texts = [_slack_text(block["text"]["text"]) for block in sections if "text" in block]
    links = tuple((each["text"]["text"], each["url"]) for each in buttons)
    shown = tuple((label.strip("*"), value) for label, value in facts)
    return _reading(title, "\n".join([*texts, *notes]), shown, links)


def read_pagerduty(body: str) -> Reading:
    """Read an event of Events API v2."""
    content = json.loads(body)
    payload, is_over = content["payload"], content["event_action"] == "resolve"
    if content["event_action"] not in ("trigger", "acknowledge", "resolve") or not content["dedup_key"]:
        raise ValueError("event_action is trigger, acknowledge or resolve, and dedup_key is not empty")
    if payload["severity"] not in ("critical", "error", "warning", "info") or not payload["source"]:
        raise ValueError("severity is critical, error, warning or info, and source is not empty")
    facts = _pairs(payload.get("custom_details") or {})
    links = tuple((each["text"], each["href"]) for each in content.get("links") or ())
    found = _reading(payload["summary"], "", (*facts, ("Incident", content["dedup_key"])), links)
    severity = payload["severity"] if payload["severity"] in STATES else TRIGGERED
    return Reading(
        "resolved" if is_over else severity, found.alert, found.title, f"{payload['severity']}, {payload['source']}",
        content.get("client_url") or found.url, found.facts, links,
    )  # fmt: skip


def read_discord(body: str) -> Reading:
    """Read a message with one embed."""
    [embed] = json.loads(body)["embeds"]
    text, _, links = embed["description"].rpartition("\n")
    facts = tuple((_plain(each["name"]), _plain(each["value"])) for each in embed["fields"])
    shown = tuple(re.findall(r"\[([^\]]+)\]\(([^)\s]+)\)", links))
    return _reading(_plain(embed["title"]), _plain(text), facts, shown, embed["url"])


def read_msteams(body: str) -> Reading:
    """Read a message with one adaptive card."""
    [attachment] = json.loads(body)["attachments"]
    card = attachment["content"]
    if (attachment["contentType"], card["type"]) != ("application/vnd.microsoft.card.adaptive", "AdaptiveCard"):
        raise ValueError("the attachment is no adaptive card")
    title, *texts = [_plain(each["text"]) for each in card["body"] if each["type"] == "TextBlock"]
    sets = [each["facts"] for each in card["body"] if each["type"] == "FactSet"]
    facts = tuple((each["title"], _plain(each["value"])) for found in sets for each in found)
    links = tuple((each["title"], each["url"]) for each in card["actions"] if each["type"] == "Action.OpenUrl")
    return _reading(title, "\n".join(texts), facts, links)


def read_email(mail: str) -> Reading:
    """Read a plain-text mail: a sentence, facts, links, with an empty line between them."""
    message = message_from_string(mail, policy=policy.default)
    body = message.get_body(("plain",))
    if body is None:
        raise ValueError("the mail has no plain text")
    text, facts, links, *_ = [*str(body.get_content()).replace("\r\n", "\n").split("\n\n"), "", ""]
    return _reading(str(message["Subject"]), text, _lines(facts), _lines(links))


READERS: Final[Mapping[Kind, Callable[[str], Reading]]] = {
    "webhook": read_webhook,
    "slack": read_slack,
    "pagerduty": read_pagerduty,
    "discord": read_discord,
    "msteams": read_msteams,
    "email": read_email,
}


def _reading(title: str, text: str, facts: Pairs, links: Pairs, url: str = "") -> Reading:
    """Tell state and alert from what is written for people."""
    state = title.removeprefix(DRILL).partition(":")[0].lower()
    return Reading(
        action=state if state in STATES else TRIGGERED,
        alert=dict(facts).get(ALERT, ""),
        title=title,
        text=text,
        url=url or (links[0][1] if links else ""),
        facts=facts,
        links=links,
    )


def _pairs(found: Mapping[str, Any]) -> Pairs:
    return tuple((str(label), str(value)) for label, value in found.items() if value is not None)


def _lines(block: str) -> Pairs:
    cells = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    return tuple((label.strip(), value.strip()) for label, value in cells)


def _slack_text(written: str) -> str:
    return html.unescape(written)


def _plain(written: str) -> str:
    """Undo the escapes of markdown."""
    return ESCAPED.sub(r"\1", written)


def _join(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if part)
