"""Drill files: YAML in, drills out, every mistake with its line."""

from pathlib import Path
from string import Template
from typing import Final

from monitors.errors import Problem
from monitors.nodes import Section, open_section
from rehearsal.disturbance_file import DISTURBANCES, MAX_NAME, NOTHING, parse_span, read_disturbance
from rehearsal.drill import RELEASE, Drill, ExpectedPage
from rehearsal.errors import UsageError

MAX_HYPOTHESIS: Final = 1000
MAX_SAID: Final = 200


def load_drills(folder: Path) -> list[Drill]:
    """Load `*.yml` in the order of their names. Raises UsageError with every mistake, each with file and line."""
    problems: list[Problem] = []
    drills: list[Drill] = []
    for path in sorted(folder.glob("*.yml")):
        drill = _read(path, problems)
        if drill.name in [other.name for other in drills]:
            problems.append(Problem(str(path), 1, f"a drill named {drill.name!r} is there already"))
        drills.append(drill)
    if problems or not drills:
        raise UsageError("\n".join(map(str, problems)) or f"{folder}: no drills here, allowed are files named *.yml")
    return drills


def choose_drills(drills: list[Drill], only: tuple[str, ...] = ()) -> list[Drill]:
    """Return those that are named in `only`, else all but those that run on request only.

    Raises UsageError for a name that no drill has, and if none is left.
    """
    known = {drill.name for drill in drills}
    if unknown := [name for name in only if name not in known]:
        raise UsageError(f"no drill named {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    chosen = [drill for drill in drills if drill.name in only or not (only or drill.is_on_request)]
    if not chosen:
        raise UsageError(f"each of these drills runs only if it is named: {', '.join(sorted(known))}")
    return chosen


def _read(path: Path, problems: list[Problem]) -> Drill:
    section = open_section(_read_text(path, problems), str(path), problems)
    section.allow(*DRILL_KEYS)
    expect = section.section("expect")
    expect.allow("pages", "may_page")
    return Drill(
        name=section.text("name", MAX_NAME),
        hypothesis=" ".join(section.text("hypothesis", MAX_HYPOTHESIS).split()),
        lasts=section.read("lasts", parse_span, NOTHING),
        disturbance=read_disturbance(section),
        pages=tuple(_read_page(each) for each in expect.sections("pages", may_be_empty=True)),
        may_page=expect.read_all("may_page", str, is_required=False),
        is_on_request=section.flag("on_request", default=False),
    )


def _read_text(path: Path, problems: list[Problem]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(path), 1, f"cannot be read: {error}"))
        return ""


def _read_page(section: Section) -> ExpectedPage:
    section.allow("alert", "channel", "within", "resolved_within", "of_fault", "says")
    return ExpectedPage(
        alert=section.text("alert", MAX_NAME),
        channel=section.text("channel", MAX_NAME),
        within=section.read("within", parse_span, NOTHING),
        resolved_within=section.read("resolved_within", parse_span, NOTHING, is_required=False) or None,
        of_fault=section.read("of_fault", parse_span, NOTHING, is_required=False) or None,
        says=section.read_all("says", _parse_said, is_required=False),
    )


def _parse_said(text: str) -> str:
    template = Template(text)
    if not template.is_valid() or set(template.get_identifiers()) - {RELEASE} or len(text) > MAX_SAID:
        raise ValueError(f"{text!r}, allowed are {MAX_SAID} characters, and ${RELEASE} for the release of a deploy")
    return text


DRILL_KEYS: Final = ("name", "hypothesis", "lasts", "on_request", *DISTURBANCES, "expect")
