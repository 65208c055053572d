"""The JSON Schema of report.json, from the very records that it is written from."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from rehearsal.reports.jsonfile import OPTIONS, VERSION
from rehearsal.settings import Options
from rehearsal.verdict import Report, Status

Json = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
NOT_WRITTEN: Final = ("entries", "rules", "options")  # see `as_json`
PLAIN: Final[dict[Any, Json]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    Path: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
    timedelta: {"type": "number", "description": "seconds of production time"},
    Decimal: {"type": "string", "description": "an exact decimal number"},
    Any: {},
}


def report_schema() -> Json:
    """Return the schema of the report of a run."""
    written = {name: _schema(kind) for name, kind in get_type_hints(Report).items() if name not in NOT_WRITTEN}
    hints = get_type_hints(Options)
    written["options"] = _object({name: _schema(hints[name]) for name in OPTIONS})
    written["drills"]["items"] = _with(written["drills"]["items"], "status", _schema(Status))
    written["books"] = _with(written["books"], "is_closed", PLAIN[bool])
    fields = {"version": {"const": VERSION}, "verdict": _schema(Status)} | written
    return {"$schema": DIALECT, "title": "The report of a rehearsal"} | _object(fields)


def _schema(kind: Any) -> Json:
    """The schema of what `convert` makes of a type. Raises TypeError for one that no report has."""
    if kind in PLAIN:
        return dict(PLAIN[kind])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [each.value for each in kind]}
    if is_dataclass(kind):
        return _record(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        return {"anyOf": [_schema(each) for each in inner]}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is tuple:
        return _list(inner)
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _schema(inner[1])}
    raise TypeError(f"no schema for {kind}")


def _record(kind: Any) -> Json:
    hints = get_type_hints(kind)
    return _object({each.name: _schema(hints[each.name]) for each in fields(kind)})


def _list(inner: tuple[Any, ...]) -> Json:
    if inner[-1] is Ellipsis:
        return {"type": "array", "items": _schema(inner[0])}
    return {"type": "array", "prefixItems": [_schema(each) for each in inner], "minItems": len(inner)}


def _object(properties: Json) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(properties)}


def _with(record: Json, name: str, of: Json) -> Json:
    return _object(record["properties"] | {name: of})
