"""An alert's actions -> whom they mean in one Sentry: names become ids, ids become request bodies.

Source: Sentry's public API schema v0.272.0 (workflows), read 2026-11.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitors.answers import AvailableActions
from monitors.client import SentryClient
from monitors.errors import PlanError
from monitors.model import Action, Alert
from monitors.remote import BY_NAME

OWNERS: Final = "issue_owners"
FALLTHROUGH: Final = "ActiveMembers"  # Sentry's own default
MAKE_APP: Final = (
    "create it in Sentry under Settings > Developer Settings as an internal integration with a webhook URL and Alert"
    " Rule Action on"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Whom an action means, in the API's terms."""

    target_type: str | None
    identifier: str | None
    display: str | None = None
    integration_id: str | None = None


Addresses = Mapping[Action, Address]


def find_addresses(alerts: Iterable[Alert], client: SentryClient) -> dict[Action, Address]:
    """Look up everyone that the alerts notify. Raises PlanError with all who are not there, and ApiError."""
    wanted = {action: alert for alert in alerts for action in alert.actions}
    if not wanted:
        return {}
    available = client.available_actions()
    found: dict[Action, Address] = {}
    problems: dict[str, None] = {}  # a set that keeps its order
    for action, alert in wanted.items():
        try:
            found[action] = _address(action, available, client)
        except LookupError as error:
            problems[f"{alert.source}: {error.args[0]}"] = None
    if problems:
        raise PlanError("\n".join(problems))
    return found


def action_body(action: Action, address: Address, runbook: str | None) -> dict[str, Any]:
    """Return the action as a request has it. Slack alone has room for a runbook, in its notes."""
    data = dict(action.data)
    if action.kind == "slack" and runbook:
        data["notes"] = f"Runbook: {runbook}"
    if address.target_type == OWNERS:
        data["fallthroughType"] = FALLTHROUGH
    config: dict[str, Any] = {"targetIdentifier": address.identifier}
    if address.target_type is not None:
        config |= {"targetType": address.target_type, "targetDisplay": address.display}
    return {
        "type": action.kind,
        "integrationId": address.integration_id,
        "data": data,
        "config": config,
        "status": "active",
    }


def _address(action: Action, available: AvailableActions, client: SentryClient) -> Address:
    """Raises LookupError saying who is not there."""
    match action.kind:
        case "sentry_app":
            if (app_id := available.find_app(action.target)) is None:
                raise LookupError(f"no integration that alerts may notify is named {action.target!r}; {MAKE_APP}")
            return Address("sentry_app", str(app_id))
        case "webhook":
            return Address(None, action.target)
        case "email":
            return _person(action.target, client)
    return _place(action, available)


def _place(action: Action, available: AvailableActions) -> Address:
    """A channel or a service of the one integration of its kind, or of the one that the rule names."""
    all_of_kind = available.integrations.get(action.kind, ())
    named = [each for each in all_of_kind if action.integration in (None, each.name)]
    if len(named) != 1:
        there = ", ".join(repr(each.name) for each in all_of_kind) or "none"
        which = f"named {action.integration!r}" if action.integration else "to choose without `integration: <name>`"
        raise LookupError(f"{action.kind} {action.target!r}: no integration {which}, there is {there}")
    [integration] = named
    if action.kind in BY_NAME:
        return Address("specific", "", action.target.removeprefix("#"), integration.id)
    if action.kind != "pagerduty":
        return Address("specific", action.target, "", integration.id)
    service = next((ident for ident, name in integration.services if action.target in (ident, name)), None)
    if service is None:
        there = ", ".join(repr(name) for _, name in integration.services) or "none"
        raise LookupError(f"pagerduty service {action.target!r}: {integration.name} has {there}")
    return Address("specific", service, action.target, integration.id)


def _person(target: str, client: SentryClient) -> Address:
    kind, _, name = target.partition(":")
    if kind == OWNERS:
        return Address(OWNERS, "")
    if kind == "team":
        ident, there = client.teams().get(name), sorted(client.teams())
    else:
        ident, there = client.members().get(name), sorted(client.members())
    if ident is None:
        raise LookupError(f"email {kind} {name!r}: there is {', '.join(map(repr, there)) or 'none'}")
    return Address(kind, ident)
