"""Drill files: YAML in, drills out, every mistake with its line."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from string import Template
from typing import Final

from monitors.errors import Problem
from monitors.nodes import Section, open_section
from rehearsal.disturbance import Carrier, Disturbance, Fault, HookFault, Outage, Planting, Silence
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.errors import UsageError
from rehearsal.privacy.secret import KINDS
from service.fault_registry import FAULTS

UNITS: Final = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
MAX_NAME: Final = 80  # characters
MAX_HYPOTHESIS: Final = 1000
MAX_FACTOR: Final = 100.0  # a bound that allows more is none
SPAN: Final = r"(\d{1,4})([smh])"
FAULT_KEYS: Final = ("flag", "value", "routes", "dependencies", "hits")
NOTHING: Final = timedelta(0)
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def load_drills(folder: Path, only: tuple[str, ...] = ()) -> list[Drill]:
    """Load `*.yml` in the order of their names, all or those named in `only`.

    Raises UsageError with every mistake, each with file and line, or for a name that no drill has.
    """
    problems: list[Problem] = []
    drills: list[Drill] = []
    for path in sorted(folder.glob("*.yml")):
        drill = _read(path, problems)
        if drill.name in [other.name for other in drills]:
            problems.append(Problem(str(path), 1, f"a drill named {drill.name!r} is there already"))
        drills.append(drill)
    if problems or not drills:
        raise UsageError("\n".join(map(str, problems)) or f"{folder}: no drills here, allowed are files named *.yml")
    known = {drill.name for drill in drills}
    if unknown := [name for name in only if name not in known]:
        raise UsageError(f"no drill named {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return [drill for drill in drills if not only or drill.name in only]


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


def _read(path: Path, problems: list[Problem]) -> Drill:
    section = open_section(_read_text(path, problems), str(path), problems)
    section.allow(*DRILL_KEYS)
    expect = section.section("expect")
    expect.allow("pages", "may_page")
    return Drill(
        name=section.text("name", MAX_NAME),
        hypothesis=" ".join(section.text("hypothesis", MAX_HYPOTHESIS).split()),
        lasts=section.read("lasts", parse_span, NOTHING),
        disturbance=_read_disturbance(section),
        pages=tuple(_read_page(each) for each in expect.sections("pages", may_be_empty=True)),
        may_page=expect.read_all("may_page", str, is_required=False),
    )


def _read_disturbance(section: Section) -> Disturbance | None:
    kinds = [key for key in DISTURBANCES if key in section.fields]
    if len(kinds) > 1:
        message = f"a drill has one of {', '.join(DISTURBANCES)}: of two, what paged could not be told"
        section.note(message, section.line_of(kinds[1]))
    return DISTURBANCES[kinds[0]](section) if kinds else None


def _read_fault(section: Section, *, needs_hits: bool = True) -> Fault:
    flag = section.read("flag", _parse_flag, "")
    aims_at = FAULTS[flag].aims_at if flag in FAULTS else "routes"
    section.allow("flag", "value", aims_at, "hits")
    value = section.read("value", partial(_parse_value, flag), 0.0)
    routes = section.read_all(aims_at, str, is_required=False) or ("*",)
    # Only who wrote the load knows how much of it goes where, so that the breach can be predicted.
    hits = section.read("hits", _parse_share, 1.0, is_required=needs_hits and aims_at in section.fields)
    return Fault(flag, value, routes, hits)


def _read_hook(section: Section) -> HookFault:
    section.allow("name", "fails", "slows")
    fails = section.read("fails", _parse_share, 0.0, is_required=False) or None
    slows = section.read("slows", parse_latency, 0.0, is_required=False) or None
    return HookFault(section.text("name", MAX_NAME), fails, slows)


def _read_outage(section: Section) -> Outage:
    section.allow("after", "lasts", "slower_at_most")
    return Outage(
        after=section.read("after", parse_span, NOTHING),
        lasts=section.read("lasts", parse_span, NOTHING),
        slower_at_most=section.read("slower_at_most", _parse_factor, 1.0),
    )


def _read_silence(section: Section) -> Silence:
    section.allow("after", "lasts")
    return Silence(section.read("after", parse_span, NOTHING), section.read("lasts", parse_span, NOTHING))


def _read_planting(section: Section) -> Planting:
    return Planting(tuple(_read_carrier(each) for each in section.sections("plant")))


def _read_carrier(section: Section) -> Carrier:
    section.allow("request", "headers", "body", "fault", "hook")
    method, target = section.read("request", _parse_request, ("GET", "/"))
    body = section.read("body", _parse_template, "", is_required=False)
    headers = section.read_all("headers", _parse_header, is_required=False)
    fault: Fault | HookFault | None = None
    if "fault" in section.fields:
        fault = _read_fault(section.section("fault"), needs_hits=False)
    elif "hook" in section.fields:
        fault = _read_hook(section.section("hook"))
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


def _read_text(path: Path, problems: list[Problem]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(path), 1, f"cannot be read: {error}"))
        return ""


def _read_page(section: Section) -> ExpectedPage:
    section.allow("alert", "channel", "within", "resolved_within", "of_fault")
    return ExpectedPage(
        alert=section.text("alert", MAX_NAME),
        channel=section.text("channel", MAX_NAME),
        within=section.read("within", parse_span, NOTHING),
        resolved_within=section.read("resolved_within", parse_span, NOTHING, is_required=False) or None,
        of_fault=section.read("of_fault", parse_span, NOTHING, is_required=False) or None,
    )


DISTURBANCES: Final[dict[str, Callable[[Section], Disturbance]]] = {
    "fault": lambda drill: _read_fault(drill.section("fault")),
    "hook": lambda drill: _read_hook(drill.section("hook")),
    "outage": lambda drill: _read_outage(drill.section("outage")),
    "silence": lambda drill: _read_silence(drill.section("silence")),
    "plant": _read_planting,
}
DRILL_KEYS: Final = ("name", "hypothesis", "lasts", *DISTURBANCES, "expect")
