"""The JSON Schema of rules files, for editors: built from the very tables that the loader checks against.

It knows less than the loader, which also looks at names, units and at what goes together; it never refuses what the
loader takes.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from monitors.fields import COMPARISONS, DATASETS, DELTAS, FREQUENCIES, MAX_RECEIVER, THRESHOLD, WINDOWS, show_span
from monitors.fields import PRIORITIES as SEVERITIES
from monitors.filters import RULES as FILTERS
from monitors.load import (
    ALERT_KEYS,
    EXTRAPOLATIONS,
    LOGICS,
    MAX_ALERT_NAME,
    MAX_MONITOR_NAME,
    MAX_TEXT,
    MONITOR_KEYS,
    RECEIVERS,
)
from monitors.model import DURATIONS, OF_DURATION, WITHOUT_ARGUMENT, Trigger
from monitors.thresholds import PRIORITIES

Json = dict[str, Any]
WHOM: Final = {
    "sentry_app": "Name or slug of an internal integration.",
    "webhook": "The project's legacy webhooks: `webhooks`; or the slug of an integration.",
    "email": "issue_owners, team:<slug> or user:<e-mail address>.",
    "slack": "Name of a channel.",
    "pagerduty": "Name of a service.",
    "discord": "Id of a channel.",
    "msteams": "Name of a channel.",
}
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REQUIRED_OF_MONITOR: Final = ("name", "aggregate", "dataset", "window", "thresholds")
REQUIRED_OF_ALERT: Final = ("name", "when", "frequency", "notify")


def rules_schema() -> Json:
    """Return the schema of one rules file."""
    return {
        "$schema": DIALECT,
        "title": "Monitors and alerts of Sentry, as code",
        "type": "object",
        "additionalProperties": False,
        "properties": {"signals": _signals(), "monitors": _list(_monitor()), "alerts": _list(_alert())},
    }


def _signals() -> Json:
    names = _list({"type": "string"}) | {"uniqueItems": True}
    fields = {
        "tags": names | {"description": "Tags that a service of your own sends, beside those of monitors/signals.py."},
        "environments": names | {"description": "Where it runs, in place of development, staging and production."},
    }
    return _object(fields, ())


def _monitor() -> Json:
    fields = {
        "name": _text(MAX_MONITOR_NAME, "Unique; a monitor is found again by it."),
        "description": _text(MAX_TEXT, "What it measures, for whoever is paged."),
        "aggregate": {"type": "string", "pattern": _aggregates(), "description": "What is computed over the window."},
        "dataset": _choice(DATASETS, "spans are requests, errors are error events."),
        "query": {"type": "string", "description": "Which of them, in Sentry's search syntax."},
        "window": _span("The last so long, sliding.", WINDOWS),
        "environment": _text(MAX_TEXT, "Only this one; without it all."),
        "thresholds": {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: {"type": "string", "pattern": THRESHOLD} for name in PRIORITIES},
            "required": [name for name in PRIORITIES if name != "medium"],
            "description": f"When the issue opens and is over: {', '.join(COMPARISONS)} and a number.",
        },
        "compared_to": _span("Thresholds are percent of the value so much earlier; 100 is no change.", DELTAS),
        "extrapolation": _choice(EXTRAPOLATIONS, "Whether a sampled request counts for all that it stands for."),
        "owner": _owner(),
        "enabled": {"type": "boolean"},
    }
    return _object({key: fields[key] for key in MONITOR_KEYS}, REQUIRED_OF_MONITOR)


def _alert() -> Json:
    receivers: Json = {kind: _text(MAX_RECEIVER, WHOM[kind]) for kind in RECEIVERS}
    receivers |= {
        "integration": _text(MAX_TEXT, "Which one, where there are several of the kind."),
        "tags": _text(MAX_TEXT, "Tags to show, with commas between them."),
        "priority": _choice(SEVERITIES, "What the on-call tool makes of it."),
    }
    one_of = {"oneOf": [{"required": [kind]} for kind in RECEIVERS]}
    triggers: Json = {"enum": [each.value for each in Trigger]}
    filters = {name: _filter(pattern, example) for name, (pattern, example, _) in FILTERS.items()}
    fields: Json = {
        "name": _text(MAX_ALERT_NAME, "Unique; an alert is found again by it."),
        "when": _list(triggers) | {"uniqueItems": True, "description": "Any of these."},
        "monitors": _list({"type": "string"}) | {"uniqueItems": True, "description": "Names of monitors."},
        "builtin": {"const": "error", "description": "The project's own monitor: every issue of error events."},
        "frequency": _span("At most one notice per issue in this time.", FREQUENCIES),
        "environment": _text(MAX_TEXT, "Only this one; without it all."),
        "filters": _list(_object(filters, ()) | {"minProperties": 1, "maxProperties": 1}),
        "match": _choice(LOGICS, "How many of the filters must hold; all unless told."),
        "notify": _list(_object(receivers, ()) | one_of),
        "runbook": {"type": "string", "pattern": "^https?://", "description": "Where it says what to do."},
        "owner": _owner(),
        "enabled": {"type": "boolean"},
    }
    connected = {"anyOf": [{"required": ["monitors"]}, {"required": ["builtin"]}]}
    return _object({key: fields[key] for key in ALERT_KEYS}, REQUIRED_OF_ALERT) | connected


def _aggregates() -> str:
    duration = "|".join(map(re.escape, DURATIONS))
    number = r"\d{1,9}(\.\d{1,3})?"
    forms = (
        rf"({'|'.join(WITHOUT_ARGUMENT)})\(\)",
        rf"({'|'.join(OF_DURATION)})\(({duration})\)",
        rf"apdex\(({duration}),\s*{number}\)",
        r"count_unique\([^(),\s]+\)",
    )
    return rf"^\s*({'|'.join(forms)})\s*$"


def _filter(pattern: str, example: str) -> Json:
    """A filter's text; the `true` of `latest_release: true` is no text in YAML."""
    kinds = ["string", "boolean"] if example == "true" else ["string"]
    return {"type": kinds, "pattern": rf"^\s*(?:{pattern})\s*$", "examples": [example]}


def _object(fields: Json, required: Iterable[str]) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": fields, "required": list(required)}


def _list(items: Json) -> Json:
    return {"type": "array", "minItems": 1, "items": items}


def _text(max_chars: int, description: str) -> Json:
    return {"type": "string", "minLength": 1, "maxLength": max_chars, "description": description}


def _choice(allowed: Iterable[str], description: str) -> Json:
    return {"enum": list(allowed), "description": description}


def _owner() -> Json:
    return {"type": "string", "pattern": r"^(team|user):[1-9]\d{0,17}$"}


def _span(description: str, allowed: Iterable[Any]) -> Json:
    """Any spelling, `60m` or `1h`; the loader says which spans are meant, an editor offers them."""
    return {"type": "string", "pattern": r"^\d{1,6}[smhd]$", "examples": [*map(show_span, allowed)]} | {
        "description": description
    }
