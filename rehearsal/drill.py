"""Drills: what is done to the service and which pages that must cause. YAML in, frozen records out."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from monitors.errors import Problem
from monitors.nodes import Section, open_section
from rehearsal.errors import UsageError
from service.fault_registry import FAULTS

UNITS: Final = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
MAX_NAME: Final = 80  # characters
MAX_HYPOTHESIS: Final = 1000
MAX_FACTOR: Final = 100.0  # a bound that allows more is none
NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Fault:
    """A flag of the service, switched on while the drill lasts."""

    flag: str
    value: float
    routes: tuple[str, ...] = ("*",)  # globs over route templates, or over the names of dependencies
    hits: float = 1.0  # share of all requests that go to these routes

    def __str__(self) -> str:
        where = "" if self.routes == ("*",) else f" on {', '.join(self.routes)}"
        return f"{self.flag} = {self.value:g}{where}"


@dataclass(frozen=True, slots=True)
class Outage:
    """Sentry is away for a while in the middle of the drill. Spans are production time."""

    after: timedelta  # from the start of the drill; what the requests before it took is the yardstick
    lasts: timedelta
    slower_at_most: float  # median latency in the outage, as a multiple of that before it

    def __str__(self) -> str:
        return "Sentry down"


@dataclass(frozen=True, slots=True)
class ExpectedPage:
    """A page that must arrive. Spans are production time."""

    alert: str
    channel: str
    within: timedelta  # of the breach becoming possible
    resolved_within: timedelta | None  # of the recovery becoming possible; None where the alert has no recovery
    of_fault: timedelta | None = None  # the page is due so long after the fault, however slow the rules are


@dataclass(frozen=True, slots=True)
class Drill:
    """One experiment. Every page that is not expected is a failure."""

    name: str
    hypothesis: str
    lasts: timedelta  # production time, the fault included
    disturbance: Fault | Outage | None
    pages: tuple[ExpectedPage, ...]
    may_page: tuple[str, ...] = ()  # alerts whose page is neither expected nor wrong


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
    match = re.fullmatch(r"(\d{1,4})([smh])", text)
    if match is None:
        raise ValueError(f"{text!r}, write for example 90s, 3m or 1h")
    return int(match[1]) * UNITS[match[2]]


def _read(path: Path, problems: list[Problem]) -> Drill:
    section = open_section(_read_text(path, problems), str(path), problems)
    section.allow("name", "hypothesis", "lasts", "fault", "outage", "expect")
    expect = section.section("expect")
    expect.allow("pages", "may_page")
    if "fault" in section.fields and "outage" in section.fields:
        section.note(
            "a drill has a fault or an outage, not both: what paged could not be told", section.line_of("outage")
        )
    return Drill(
        name=section.text("name", MAX_NAME),
        hypothesis=" ".join(section.text("hypothesis", MAX_HYPOTHESIS).split()),
        lasts=section.read("lasts", parse_span, NOTHING),
        disturbance=_read_disturbance(section),
        pages=tuple(_read_page(each) for each in expect.sections("pages", may_be_empty=True)),
        may_page=expect.read_all("may_page", str, is_required=False),
    )


def _read_disturbance(section: Section) -> Fault | Outage | None:
    if "fault" in section.fields:
        return _read_fault(section.section("fault"))
    return _read_outage(section.section("outage")) if "outage" in section.fields else None


def _read_fault(section: Section) -> Fault:
    flag = section.read("flag", _parse_flag, "")
    aims_at = FAULTS[flag].aims_at if flag in FAULTS else "routes"
    section.allow("flag", "value", aims_at, "hits")
    value = section.read("value", partial(_parse_value, flag), 0.0)
    routes = section.read_all(aims_at, str, is_required=False) or ("*",)
    # Only who wrote the load knows how much of it goes where, so that the breach can be predicted.
    hits = section.read("hits", _parse_share, 1.0, is_required=aims_at in section.fields)
    return Fault(flag, value, routes, hits)


def _read_outage(section: Section) -> Outage:
    section.allow("after", "lasts", "slower_at_most")
    return Outage(
        after=section.read("after", parse_span, NOTHING),
        lasts=section.read("lasts", parse_span, NOTHING),
        slower_at_most=section.read("slower_at_most", _parse_factor, 1.0),
    )


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
