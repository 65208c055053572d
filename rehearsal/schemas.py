"""The JSON Schemas of drill files and plans, for editors: built from the tables that the loaders check against.

They know less than the loaders, which also look at what goes together; they never refuse what a loader takes.
"""

from collections.abc import Iterable
from typing import Any, Final

from loadtest.shapes import SHAPES
from rehearsal import disturbance_file, drill_file, plan_file
from rehearsal.disturbance import How
from rehearsal.disturbance_file import FAULT_KEYS, MAX_NAME, METHODS, SPAN
from rehearsal.drill_file import MAX_HYPOTHESIS, MAX_SAID
from rehearsal.plan import PLACEHOLDERS
from service.fault_registry import FAULTS

Json = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TEXT: Final[Json] = {"type": "string", "minLength": 1}
REQUEST: Final[Json] = {"type": "string", "pattern": rf"^({'|'.join(METHODS)}) /\S*$", "examples": ["GET /items"]}
SCALAR: Final[Json] = {"type": ["string", "number", "boolean"]}


def drill_schema() -> Json:
    """Return the schema of one drill file."""
    silence = {"after": _span("From the start."), "lasts": _span("So long.")}
    fields: Json = {
        "name": _text(MAX_NAME, "Unique; `--only` takes it."),
        "hypothesis": _text(MAX_HYPOTHESIS, "What must come of it, as a sentence."),
        "lasts": _span("Production time, the fault included."),
        "on_request": {"type": "boolean", "description": "Runs only when it is named. false unless told."},
        "fault": _fault(),
        "hook": _hook(),
        "outage": _outage(),
        "silence": _object(silence, silence) | {"description": "No traffic."},
        "deploy": _deploy(),
        "storm": _storm(),
        "force": _forcing(),
        "shape": {"enum": list(SHAPES), "description": "Of the load, over the whole drill."},
        "plant": _list(_carrier()) | {"description": "Requests with secrets, none of which may turn up anywhere."},
        "expect": _expect(),
    }
    required = ("name", "hypothesis", "lasts", "expect")
    return _top("A drill of a rehearsal", {key: fields[key] for key in drill_file.DRILL_KEYS}, required)


def plan_schema() -> Json:
    """Return the schema of a plan."""
    part = _part()
    requests = _list(_planned_request()) | {"description": "Kinds of requests, by weight."}
    load = _object({"locustfile": TEXT, "requests": requests}, ()) | {"minProperties": 1, "maxProperties": 1}
    hook = _object({"name": _name(), "begin": _action(), "end": _action()}, plan_file.HOOK_KEYS)
    fields: Json = {
        "name": _name() | {"description": "Of the project in Sentry."},
        "folder": TEXT | {"description": "Where commands run, and what paths are relative to; the plan's own."},
        "service": _object({key: part[key] for key in plan_file.SERVICE_KEYS}, ("ready",)),
        "beside": _list(_object({key: part[key] for key in plan_file.PART_KEYS}, ("name", "ready"))),
        "load": load,
        "hooks": _list(hook) | {"description": "Faults that drills can switch on."},
        "books": {"type": "boolean", "description": "Does telemetry carry the tag request_id? true unless told."},
        "sessions": {"type": "boolean", "description": "Does the SDK count each request as a session? Then it must."},
        "rules": TEXT | {"description": "Folder of monitors and alerts."},
        "drills": TEXT | {"description": "Folder of drills."},
    }
    required = ("name", "service", "load", "rules", "drills")
    return _top("A plan of a rehearsal", {key: fields[key] for key in plan_file.PLAN_KEYS}, required)


def _fault() -> Json:
    fields: Json = {
        "flag": {"enum": list(FAULTS), "description": "Of the reference service."},
        "value": {"type": "number", "exclusiveMinimum": 0},
        "routes": _list(TEXT) | {"uniqueItems": True, "description": "Globs over routes."},
        "dependencies": _list(TEXT) | {"uniqueItems": True, "description": "Globs over dependencies."},
        "hits": _share("Of all requests go there."),
        "evenly": {"type": "boolean", "description": "A share hits every n-th time, not each by chance."},
        "creeps": _span("It grows to its value in this time."),
    }
    return _object({key: fields[key] for key in FAULT_KEYS}, ("flag", "value"))


def _hook() -> Json:
    slows = {"type": "string", "pattern": r"^\d{1,6}(ms|s)$", "examples": ["250ms"]}
    return _object({"name": TEXT, "fails": _share("Of all requests fail."), "slows": slows}, ("name",))


def _outage() -> Json:
    slower = {"type": "number", "minimum": 1, "maximum": disturbance_file.MAX_FACTOR, "description": "Median latency."}
    how = {"enum": [*(each.value for each in How), 429, 500], "description": "What Sentry does. away unless told."}
    fields = {"after": _span("From the start."), "lasts": _span("So long.")}
    optional = {"slower_at_most": slower, "how": how, "fault": _fault(), "hook": _hook()}
    return _object(fields | optional, fields)


def _deploy() -> Json:
    lost = _share("Of the drill's requests may stay without an answer. None unless told.")
    fields = {"after": _span("From the start."), "fault": _fault(), "hook": _hook(), "unanswered_at_most": lost}
    return _object(fields, ("after",)) | {"description": "To another release, which brings a fault."}


def _storm() -> Json:
    limit = _count(disturbance_file.MAX_LIMIT) | {"description": "Error events that the client key lets through."}
    fields = {"fault": _fault(), "beside": _fault(), "limit": limit, "per": _span("The limit's window.")}
    return _object(fields, fields)


def _forcing() -> Json:
    fields = {"request": REQUEST, "body": TEXT, "times": _count(disturbance_file.MAX_FORCED)}
    return _object(fields, ("request", "times")) | {"description": "Strangers who decide what is traced."}


def _carrier() -> Json:
    headers = _list({"type": "string", "pattern": r"^[A-Za-z0-9-]+: [\x20-\x7e]+$"}) | {"uniqueItems": True}
    fields = {"request": REQUEST, "headers": headers, "body": TEXT, "fault": _fault(), "hook": _hook()}
    return _object(fields, ("request",))


def _expect() -> Json:
    page = {
        "alert": _text(MAX_NAME, "Name of the alert."),
        "channel": _text(MAX_NAME, "Integration that it notifies."),
        "within": _span("Of the breach becoming possible."),
        "resolved_within": _span("Of the recovery becoming possible."),
        "of_fault": _span("Due so long after the fault, however slow the rules are."),
        "says": _list(_text(MAX_SAID, "In the message. $release is the one that the drill deployed.")),
    }
    pages = {"type": "array", "items": _object(page, ("alert", "channel", "within"))}
    may_page = _list(TEXT) | {"uniqueItems": True, "description": "Alerts that are neither expected nor wrong."}
    return _object({"pages": pages, "may_page": may_page}, ("pages",))


def _part() -> Json:
    placeholders = ", ".join(f"${name}: {meaning}" for name, meaning in PLACEHOLDERS.items())
    return {
        "name": _name(),
        "command": TEXT | {"description": f"Started in the plan's folder. {placeholders}."},
        "port": {"type": "integer", "minimum": 0, "maximum": 65535, "description": "Preferred."},
        "url": {"type": "string", "pattern": "^https?://[^/]", "description": "Of what runs already."},
        "ready": {"type": "string", "pattern": "^/", "description": "Path that answers 2xx once it is there."},
        "environment": {"type": "object", "additionalProperties": SCALAR},
        "start": _action(),
        "stop": _action(),
        "probes": {"enum": list(plan_file.PROBES), "description": "What Sentry hears of requests to `ready`."},
        "overlaps": {"type": "boolean", "description": "Two may listen on one port; `ready` names the release."},
    }


def _planned_request() -> Json:
    return _object(
        {
            "name": _name(),
            "weight": {"type": "integer", "minimum": 1, "maximum": plan_file.MAX_WEIGHT},
            "request": REQUEST,
            "body": TEXT | {"description": "JSON."},
            "headers": {"type": "object", "additionalProperties": SCALAR},
            "status": {"type": "integer", "minimum": 200, "maximum": 499},
        },
        ("name", "request"),
    )


def _action() -> Json:
    request = {"type": "string", "pattern": rf"^({'|'.join(METHODS)}) (https?://|\$url_)"}
    return _object({"request": request, "body": TEXT, "command": TEXT}, ()) | {
        "oneOf": [{"required": ["request"]}, {"required": ["command"]}]
    }


def _top(title: str, fields: Json, required: Iterable[str]) -> Json:
    return {"$schema": DIALECT, "title": title} | _object(fields, required)


def _object(fields: Json, required: Iterable[str]) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": fields, "required": list(required)}


def _list(items: Json) -> Json:
    return {"type": "array", "minItems": 1, "items": items}


def _text(max_chars: int, description: str) -> Json:
    return {"type": "string", "minLength": 1, "maxLength": max_chars, "description": description}


def _name() -> Json:
    return {"type": "string", "pattern": f"^{plan_file.NAME}$"}


def _share(description: str) -> Json:
    return {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": description}


def _count(maximum: int) -> Json:
    return {"type": "integer", "minimum": 1, "maximum": maximum}


def _span(description: str) -> Json:
    return {"type": "string", "pattern": f"^{SPAN}$", "examples": ["90s", "3m"], "description": description}
