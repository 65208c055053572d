"""What a drill does, out of its file: each kind of disturbance with its keys, every mistake with its line."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from string import Template
from typing import Final

from loadtest.shapes import SHAPES
from monitors.nodes import Section
from rehearsal.disturbance import (
    Carrier,
    Deploy,
    Disturbance,
    Fault,
    Forcing,
    HookFault,
    How,
    Outage,
    Planting,
    Shape,
    Silence,
    Storm,
)
from rehearsal.privacy.secret import KINDS
from service.fault_registry import FAULTS

UNITS: Final = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
MAX_NAME: Final = 80  # characters
MAX_FACTOR: Final = 100.0  # a bound that allows more is none
MAX_LIMIT: Final = 100_000  # errors; a storm of more is none that a rehearsal can make
MAX_FORCED: Final = 1000
SPAN: Final = r"(\d{1,4})([smh])"
FAULT_KEYS: Final = ("flag", "value", "routes", "dependencies", "hits", "evenly", "creeps")
NOTHING: Final = timedelta(0)
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def parse_span(text: str) -> timedelta:
    """`90s`, `3m` or `1h` as a span. Raises ValueError otherwise."""
    match = re.fullmatch(SPAN, text)
    if match is None:
        raise ValueError(f"{text!r}, write for example 90s, 3m or 1h")
    return int(match[1]) * UNITS[match[2]]


def parse_latency(text: str) -> float:
    """`250ms` or `2s` in ms. Raises ValueError otherwise."""
    match = re.fullmatch(r"(\d{1,6})(ms|s)", text)
    if match is None:
        raise ValueError(f"{text!r}, write for example 250ms or 2s")
    return float(match[1]) * (1000 if match[2] == "s" else 1)


def read_disturbance(section: Section) -> Disturbance | None:
    """Read the one thing that a drill does; None for a drill that only looks."""
    kinds = [key for key in DISTURBANCES if key in section.fields]
    if len(kinds) > 1:
        message = f"a drill has one of {', '.join(DISTURBANCES)}: of two, what paged could not be told"
        section.note(message, section.line_of(kinds[1]))
    return DISTURBANCES[kinds[0]](section) if kinds else None


def _read_fault(section: Section, *, needs_hits: bool = True) -> Fault:
    flag = section.read("flag", _parse_flag, "")
    aims_at = FAULTS[flag].aims_at if flag in FAULTS else "routes"
    shares = ("evenly", "creeps") if flag in FAULTS and FAULTS[flag].is_share else ()
    section.allow("flag", "value", aims_at, "hits", *shares)
    value = section.read("value", partial(_parse_value, flag), 0.0)
    routes = section.read_all(aims_at, str, is_required=False) or ("*",)
    # Only who wrote the load knows how much of it goes where, so that the breach can be predicted.
    hits = section.read("hits", _parse_share, 1.0, is_required=needs_hits and aims_at in section.fields)
    creeps = section.read("creeps", parse_span, NOTHING, is_required=False) or None
    return Fault(flag, value, routes, hits, section.flag("evenly", default=False), creeps)


def _read_hook(section: Section) -> HookFault:
    section.allow("name", "fails", "slows")
    fails = section.read("fails", _parse_share, 0.0, is_required=False) or None
    slows = section.read("slows", parse_latency, 0.0, is_required=False) or None
    return HookFault(section.text("name", MAX_NAME), fails, slows)


def _read_outage(section: Section) -> Outage:
    section.allow("after", "lasts", "slower_at_most", "how", "fault", "hook")
    return Outage(
        after=section.read("after", parse_span, NOTHING),
        lasts=section.read("lasts", parse_span, NOTHING),
        slower_at_most=section.read("slower_at_most", _parse_factor, 0.0, is_required=False) or None,
        how=section.read("how", _parse_how, How.AWAY, is_required=False),
        fault=_read_fault_within(section),
    )


def _read_silence(section: Section) -> Silence:
    section.allow("after", "lasts")
    return Silence(section.read("after", parse_span, NOTHING), section.read("lasts", parse_span, NOTHING))


def _read_deploy(section: Section) -> Deploy:
    section.allow("after", "fault", "hook", "unanswered_at_most")
    fault = _read_fault_within(section)
    if fault is None and not section.is_void:
        section.note("a deploy brings a `fault`, or a `hook` of the plan")
    return Deploy(
        after=section.read("after", parse_span, NOTHING),
        fault=fault or HookFault("", None, None),
        unanswered_at_most=section.read("unanswered_at_most", _parse_share, 0.0, is_required=False),
    )


def _read_storm(section: Section) -> Storm:
    section.allow("fault", "beside", "limit", "per")
    storm = Storm(
        fault=_read_fault(section.section("fault")),
        beside=_read_fault(section.section("beside"), needs_hits=False),
        limit=section.read("limit", partial(_parse_count, MAX_LIMIT), 1),
        per=section.read("per", parse_span, NOTHING),
    )
    if storm.fault.flag == storm.beside.flag:
        section.note("`fault` and `beside` are one flag, and so one issue; of two, one can cost the other its place")
    return storm


def _read_forcing(section: Section) -> Forcing:
    section.allow("request", "body", "times")
    method, target = section.read("request", _parse_request, ("GET", "/"))
    body = section.read("body", _parse_template, "", is_required=False)
    return Forcing(method, target, body, section.read("times", partial(_parse_count, MAX_FORCED), 1))


def _read_fault_within(section: Section) -> Fault | HookFault | None:
    """A fault that is one part of what a drill does."""
    if "fault" in section.fields:
        return _read_fault(section.section("fault"), needs_hits=True)
    return _read_hook(section.section("hook")) if "hook" in section.fields else None


def _read_planting(section: Section) -> Planting:
    return Planting(tuple(_read_carrier(each) for each in section.sections("plant")))


def _read_carrier(section: Section) -> Carrier:
    section.allow("request", "headers", "body", "fault", "hook")
    method, target = section.read("request", _parse_request, ("GET", "/"))
    body = section.read("body", _parse_template, "", is_required=False)
    headers = section.read_all("headers", _parse_header, is_required=False)
    fault = (
        _read_fault(section.section("fault"), needs_hits=False)
        if "fault" in section.fields
        else _read_fault_within(section)
    )
    return Carrier(method, target, headers, body, fault)


def _parse_request(text: str) -> tuple[str, str]:
    method, _, target = text.partition(" ")
    if method not in METHODS or not target.startswith("/") or " " in target:
        raise ValueError(f"{text!r}, write for example GET /items?user=$email; methods are {', '.join(METHODS)}")
    return method, _parse_template(target)


def _parse_header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+: [\x20-\x7e]+", text):
        raise ValueError(f"{text!r}, write for example 'X-User: $email'")
    return _parse_template(text)


def _parse_template(text: str) -> str:
    template = Template(text)
    if not template.is_valid():
        raise ValueError("a $ without a name; write $$ for the sign itself")
    if unknown := [name for name in template.get_identifiers() if name not in KINDS]:
        raise ValueError(f"${unknown[0]}, allowed are {', '.join('$' + kind for kind in KINDS)}")
    return text


def _parse_share(text: str) -> float:
    if not 0 < float(text) <= 1:
        raise ValueError(f"{text}, allowed is a share, more than 0 and at most 1")
    return float(text)


def _parse_factor(text: str) -> float:
    if not 1 <= float(text) <= MAX_FACTOR:
        raise ValueError(f"{text}, allowed is a factor from 1 to {MAX_FACTOR:g}")
    return float(text)


def _parse_how(text: str) -> How:
    if text not in list(How):
        raise ValueError(f"{text!r}, allowed are {', '.join(How)}")
    return How(text)


def _parse_shape(text: str) -> str:
    if text not in SHAPES:
        raise ValueError(f"{text!r}, allowed are {', '.join(SHAPES)}")
    return text


def _parse_count(maximum: int, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= maximum:
        raise ValueError(f"{text}, allowed are 1 to {maximum}")
    return int(text)


def _parse_flag(text: str) -> str:
    if text not in FAULTS:
        raise ValueError(f"{text!r}, the service's faults are {', '.join(FAULTS)}")
    return text


def _parse_value(flag: str, text: str) -> float:
    value = float(text)
    most = FAULTS[flag].maximum if flag in FAULTS else value
    if not 0 < value <= most:
        raise ValueError(f"{text}, allowed is more than 0 and at most {most:g}")
    return value


DISTURBANCES: Final[dict[str, Callable[[Section], Disturbance]]] = {
    "fault": lambda drill: _read_fault(drill.section("fault")),
    "hook": lambda drill: _read_hook(drill.section("hook")),
    "outage": lambda drill: _read_outage(drill.section("outage")),
    "silence": lambda drill: _read_silence(drill.section("silence")),
    "deploy": lambda drill: _read_deploy(drill.section("deploy")),
    "storm": lambda drill: _read_storm(drill.section("storm")),
    "force": lambda drill: _read_forcing(drill.section("force")),
    "shape": lambda drill: Shape(drill.read("shape", _parse_shape, "steady")),
    "plant": _read_planting,
}
