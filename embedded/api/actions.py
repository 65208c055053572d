"""Actions of alerts: their bodies with the validation that Sentry applies, and whether whom they name exists here.

Source: Sentry's public API schema v0.272.0 (workflows), read 2026-11.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from embedded.api.body import Body
from embedded.api.context import TEAM_ID, Context, invalid
from embedded.channels.legacy_webhook import ALL_OF_PROJECT
from embedded.store.projects import list_apps

Kind = Literal["sentry_app", "webhook", "email", "slack", "pagerduty", "discord", "msteams"]
Text = str | int | None

CONFIG_KEYS: Final = {
    "target_type": "targetType",
    "target_identifier": "targetIdentifier",
    "target_display": "targetDisplay",
    "sentry_app_identifier": "sentryAppIdentifier",
}
TARGET_TYPES: Final[dict[Kind, tuple[str | None, ...]]] = {
    "sentry_app": ("sentry_app",),
    "webhook": (None,),
    "email": ("user", "team", "issue_owners"),
    "slack": ("specific",),
    "pagerduty": ("specific",),
    "discord": ("specific",),
    "msteams": ("specific",),
}
DATA: Final[dict[Kind, tuple[str, ...]]] = {
    "sentry_app": ("settings",),
    "webhook": (),
    "email": ("fallthroughType",),
    "slack": ("tags", "notes"),
    "pagerduty": ("priority",),
    "discord": ("tags",),
    "msteams": (),
}
CHOICES: Final = {
    "fallthroughType": ("ActiveMembers", "AllMembers", "NoOne"),
    "priority": ("default", "critical", "error", "warning", "info"),
}
INTEGRATED: Final = ("slack", "pagerduty", "discord", "msteams")


class Action(Body):
    """Whom to tell. Types that this engine has no channel for are refused."""

    id: str | int | None = None
    type: Kind
    config: dict[str, Text]
    data: dict[str, Any] = Field(default_factory=dict)
    integration_id: str | int | None = None
    status: Literal["active"] = "active"

    @field_validator("config")
    @classmethod
    def _is_spelled(cls, config: dict[str, Text]) -> dict[str, Text]:
        """Snake case is read too, and kept as camel case."""
        spelled = {CONFIG_KEYS.get(key, key): value for key, value in config.items()}
        if unknown := spelled.keys() - set(CONFIG_KEYS.values()):
            raise ValueError(f"Additional properties are not allowed: {', '.join(sorted(unknown))}")
        return spelled

    @model_validator(mode="after")
    def _fits(self) -> "Action":
        allowed = TARGET_TYPES[self.type]
        if self.config.get("targetType") not in allowed:
            raise ValueError(f"targetType of {self.type}: allowed is {' or '.join(map(str, allowed))}")
        if (self.integration_id is not None) is not (self.type in INTEGRATED):
            needs = "is required" if self.type in INTEGRATED else "is not allowed"
            raise ValueError(f"Integration ID {needs} for action type {self.type}")
        if unknown := self.data.keys() - set(DATA[self.type]):
            raise ValueError(f"data of {self.type}: {', '.join(sorted(unknown))} not allowed")
        _check_data(self.data)
        _check_target(self.type, self.config)
        return self

    @property
    def target(self) -> str:
        """The identifier as a text, empty where only a name is given."""
        return str(self.config.get("targetIdentifier") or "")


def check_receivers(context: Context, actions: Iterable[Action], field: str) -> None:
    """Raises a 400 that blames `field` where an action names an integration, a target or a person that is not here."""
    problems = [problem for action in actions if (problem := _missing(context, action))]
    if problems:
        raise invalid(field, "; ".join(sorted(set(problems))))


def _check_data(data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if key == "settings" and value:
            raise ValueError("settings: integrations here have no form, so the list is empty")
        if key != "settings" and not isinstance(value, str):
            raise ValueError(f"{key}: write a text")
        if key in CHOICES and value not in CHOICES[key]:
            raise ValueError(f"{key}: allowed are {', '.join(CHOICES[key])}")


def _check_target(kind: Kind, config: Mapping[str, Text]) -> None:
    identifier, display = config.get("targetIdentifier"), config.get("targetDisplay")
    if kind == "sentry_app" and not str(identifier or "").isdigit():
        raise ValueError("a sentry_app action needs targetType sentry_app and a numeric targetIdentifier")
    if kind == "webhook" and (not identifier or display is not None):
        raise ValueError("a webhook action needs a targetIdentifier, and no targetDisplay")
    if kind in INTEGRATED and not identifier and not display:
        raise ValueError(f"a {kind} action needs a targetIdentifier or a targetDisplay")
    if kind == "email" and bool(identifier) is (config["targetType"] == "issue_owners"):
        raise ValueError("an email action names a user or a team by its id, and issue owners by none")


def _missing(context: Context, action: Action) -> str | None:
    """Say what is not there, None if all is."""
    target, display = action.target, str(action.config.get("targetDisplay") or "")
    match action.type:
        case "sentry_app":
            known = {str(app.id) for app in list_apps(context.read())}
            return None if target in known else f"Some integrations do not exist: {target}"
        case "webhook":
            slugs = {app.slug for app in list_apps(context.read())} | {ALL_OF_PROJECT}
            return None if target in slugs else f"{target!r} is neither {ALL_OF_PROJECT} nor an integration's slug"
        case "email":
            return _missing_person(context, action, target)
    integration = context.destinations.find_integration(action.type, action.integration_id)
    if integration is None:
        return f"{action.type} integration {action.integration_id} does not exist"
    return None if integration.find_target(target, display) else f"{integration.name} has no {target or display!r}"


def _missing_person(context: Context, action: Action, target: str) -> str | None:
    if context.destinations.mail is None:
        return "e-mail is not configured; name a server in the file of EMBEDDED_CHANNELS"
    people = {str(each.id) for each in context.destinations.members}
    match action.config["targetType"]:
        case "user":
            return None if target in people else f"User {target} does not exist"
        case "team":
            return None if target == TEAM_ID else f"Team {target} does not exist"
        case _:
            return None
