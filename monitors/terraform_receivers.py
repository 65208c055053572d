"""Whom the alerts notify, in the Terraform provider's words: actions, what they look up, what a person fills in.

Source: https://github.com/jianyuan/terraform-provider-sentry, docs/resources/alert.md and docs/data-sources at ed580326
(version 0.15.4), read 2026-11.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from monitors.actions import FALLTHROUGH, OWNERS, Address, action_body
from monitors.hcl import Block, Reference, Value, label_of, quote
from monitors.model import Action, RuleSet

ORGANIZATION: Final = Reference("var.organization")
APP: Final = "sentry_app_installation"
INTEGRATION: Final = "sentry_organization_integration"
TEAM: Final = "sentry_team"
MEMBER: Final = "sentry_organization_member"
NOBODY: Final = Address("sentry_app", "0")  # whom an action means is a reference here
SEVERITY: Final = "default"  # of PagerDuty: that of the issue
# What rules do not say and Terraform cannot look up, or not by the rule's name -> what it is.
VARIABLES: Final = {
    "app_slugs": "Integration as the rules name it -> its slug, to which Sentry adds digits if it was taken.",
    "integration_names": "Kind of channel -> the name of its integration in Sentry.",
    "pagerduty_service_ids": "PagerDuty service as the rules name it -> its id in Sentry.",
    "msteams_team_ids": "Microsoft Teams channel as the rules name it -> the id of its team.",
}


@dataclass(frozen=True, slots=True)
class Receivers:
    """Everyone that the rules notify, and the labels of what is looked up for them."""

    labels: Mapping[tuple[str, str], str]  # (type of data source, by what it is found) -> label
    keys: Mapping[str, tuple[str, ...]]  # variable -> its keys

    def blocks(self) -> list[Block]:
        """Return the variables to fill in, then the data sources."""
        variables = [self._variable(name, keys) for name, keys in self.keys.items()]
        return variables + [_data(kind, key, label) for (kind, key), label in self.labels.items()]

    def action(self, action: Action, runbook: str | None) -> Value:
        """Return the action as the provider has it."""
        return {action.kind: self._fields(action, runbook)}

    def _fields(self, action: Action, runbook: str | None) -> dict[str, Value]:
        match action.kind:
            case "sentry_app":
                return {"sentry_app_id": self._found(APP, action.target, "sentry_app_id", "tostring")}
            case "webhook":
                return {"service": action.target}
            case "email":
                return self._person(action.target)
            case "slack" | "discord" | "msteams" | "pagerduty":
                integration: Value = self._found(INTEGRATION, _integration_key(action), "id")
                return {"integration_id": integration, **_place(action, runbook)}
        assert_never(action.kind)

    def _person(self, target: str) -> dict[str, Value]:
        kind, _, name = target.partition(":")
        if kind == OWNERS:
            return {"target_type": OWNERS, "fallthrough_type": FALLTHROUGH}
        return {"target_type": kind, "target_id": self._found(TEAM if kind == "team" else MEMBER, name, "internal_id")}

    def _found(self, kind: str, key: str, attribute: str, function: str = "") -> Reference:
        text = f"data.{kind}.{self.labels[kind, key]}.{attribute}"
        return Reference(f"{function}({text})" if function else text)

    def _variable(self, name: str, keys: tuple[str, ...]) -> Block:
        attributes: dict[str, Value] = {"type": Reference("map(string)"), "description": VARIABLES[name]}
        if name == "app_slugs":  # often right as it is; the others are ids and names that only Sentry knows
            attributes["default"] = {key: key for key in keys}
        return Block("variable", (name,), attributes, comments=(f"Keys: {', '.join(keys)}",))


def find_receivers(rules: RuleSet) -> Receivers:
    """Return everyone that the alerts notify."""
    actions = sorted({each for alert in rules.alerts for each in alert.actions}, key=str)
    needed = dict.fromkeys(key for each in actions for key in _needed(each))
    labels: dict[tuple[str, str], str] = {}
    for kind, key in needed:
        taken = {label for (other, _), label in labels.items() if other == kind}
        labels[kind, key] = free_label(key, taken)
    keys = {name: tuple(sorted({key for each in actions for key in _keys(each, name)})) for name in VARIABLES}
    return Receivers(labels, {name: found for name, found in keys.items() if found})


def _place(action: Action, runbook: str | None) -> dict[str, Value]:
    """A channel or a service of an integration, and what is said there beside the message."""
    said: dict[str, Value] = dict(action_body(action, NOBODY, runbook)["data"])
    match action.kind:
        case "slack":
            return {"channel_name": action.target, **said}
        case "discord":
            return {"channel_id": action.target, **said}
        case "msteams":
            return {"team_id": _lookup("msteams_team_ids", action.target), "channel_name": action.target}
        case _:
            service = _lookup("pagerduty_service_ids", action.target)
            severity = said.get("priority", SEVERITY)
            return {"service_id": service, "service_name": action.target, "severity": severity}


def free_label(name: str, taken: Iterable[str]) -> str:
    """Return the name as a label, numbered if another has got that one."""
    plain, number = label_of(name), 1
    label = plain
    while label in taken:
        number += 1
        label = f"{plain}_{number}"
    return label


def _needed(action: Action) -> list[tuple[str, str]]:
    """The data sources that an action refers to."""
    match action.kind:
        case "sentry_app":
            return [(APP, action.target)]
        case "webhook":
            return []
        case "email":
            kind, _, name = action.target.partition(":")
            return [(TEAM if kind == "team" else MEMBER, name)] if name else []
    return [(INTEGRATION, _integration_key(action))]


def _keys(action: Action, variable: str) -> list[str]:
    """The keys of a variable that an action refers to."""
    wanted = {"sentry_app": "app_slugs", "pagerduty": "pagerduty_service_ids", "msteams": "msteams_team_ids"}
    if wanted.get(action.kind) == variable:
        return [action.target]
    is_unnamed = variable == "integration_names" and action.integration is None
    return [action.kind] if is_unnamed and action.kind not in ("sentry_app", "webhook", "email") else []


def _integration_key(action: Action) -> str:
    return f"{action.kind} {action.integration}" if action.integration else action.kind


def _data(kind: str, key: str, label: str) -> Block:
    attributes: dict[str, Value] = {"organization": ORGANIZATION}
    if kind == APP:
        attributes["slug"] = _lookup("app_slugs", key)
    elif kind == TEAM:
        attributes["slug"] = key
    elif kind == MEMBER:
        attributes["email"] = key
    else:
        provider, _, name = key.partition(" ")
        attributes |= {"provider_key": provider, "name": name or _lookup("integration_names", provider)}
    return Block("data", (kind, label), attributes)


def _lookup(variable: str, key: str) -> Reference:
    return Reference(f"var.{variable}[{quote(key)}]")
