"""Whom the rules tell by chat, on-call tool and mail -> the engine's file of channels, which all lead to the sink."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote

import yaml

from monitors.model import Action, RuleSet
from rehearsal.ports import HOST
from rehearsal.statefile import write_text

PROVIDERS: Final = ("slack", "discord", "msteams", "pagerduty")
UNNAMED: Final = "rehearsal"  # of the integration, where the rules name none
SENDER: Final = "sentry@rehearsal.test"
ON_CALL: Final = "on-call@rehearsal.test"  # there is always somebody in the team
SECRET_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Sinkhole:
    """Where the sink listens."""

    url: str
    mail_port: int


def write_channels(rules: RuleSet, sink: Sinkhole, folder: Path) -> dict[str, str]:
    """Write `folder/channels.yml` and a file for each secret; return the secrets as the sink knows their channels."""
    folder.mkdir(parents=True, exist_ok=True)
    actions = sorted({each for alert in rules.alerts for each in alert.actions}, key=str)
    targets = sorted(
        {(each.kind, each.integration or UNNAMED, each.target) for each in actions if each.kind in PROVIDERS}
    )
    secrets: dict[str, str] = {}
    integrations: dict[tuple[str, str], dict[str, Any]] = {}
    for number, (kind, name, target) in enumerate(targets, 1):
        secret = secrets.setdefault(f"{kind}:{target}", token_hex(SECRET_BYTES))
        file = folder / f"secret-{number}"
        write_text(file, secret if kind == "pagerduty" else f"{sink.url}/{kind}/{quote(target, safe='')}/{secret}")
        integration = integrations.setdefault(
            (kind, name), {"id": len(integrations) + 1, "provider": kind, "name": name, "targets": []}
        )
        if kind == "pagerduty":
            integration["url"] = f"{sink.url}/pagerduty/v2/enqueue"
        ident = target if kind == "discord" else f"target-{number}"
        integration["targets"].append({"id": ident, "name": target, "secret": f"file:{file.resolve()}"})
    content = {
        "integrations": list(integrations.values()),
        "mail": {"host": HOST, "port": sink.mail_port, "sender": SENDER, "security": "none"},
        "members": [{"id": number, "name": each, "email": each} for number, each in enumerate(_people(actions), 1)],
    }
    write_text(folder / "channels.yml", yaml.safe_dump(content))
    return secrets


def _people(actions: Iterable[Action]) -> list[str]:
    named = {each.target.removeprefix("user:") for each in actions if each.target.startswith("user:")}
    return sorted(named | {ON_CALL})
