"""`*.test.yml` beside the rules -> cases; every mistake with its line, as for the rules themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from monitors.errors import Problem, RulesError
from monitors.fields import read_choice
from monitors.filters import LEVELS
from monitors.model import RuleSet
from monitors.nodes import Section, open_file
from rehearsal.ruletests.notation import Track, read_latency, read_minutes, read_rate, read_status

SUFFIX: Final = "*.test.yml"
MAX_TEXT: Final = 1000
MAX_MINUTES: Final = 366 * 24 * 60
MAX_USERS: Final = 1_000_000
SAYS: Final = ("critical", "warning", "resolved", "triggered")
IDLE: Final = read_rate("gap")


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests to one endpoint."""

    rate: Track
    status: Track
    latency: Track
    tags: Mapping[str, str]  # searchable fields that stay: transaction, environment, release, tags
    sample_rate: float  # what share of them the SDK sends


@dataclass(frozen=True, slots=True)
class Errors:
    """Error events of one issue."""

    issue: str  # its exception's type
    rate: Track
    level: str
    tags: Mapping[str, str]
    users: int  # how many people they happen to, in turn; 0 if the events name none


@dataclass(frozen=True, slots=True, order=True)
class Page:
    """A notification: what it says, and whose it is."""

    alert: str
    says: str

    def __str__(self) -> str:
        return f"{self.says} {self.alert}"


@dataclass(frozen=True, slots=True)
class Expectation:
    """Exactly these pages between the expectation before it and its own minute; none means silence."""

    minute: int
    pages: tuple[Page, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """One test: what happens, and who is to be paged."""

    name: str
    file: str
    line: int
    requests: tuple[Requests, ...]
    errors: tuple[Errors, ...]
    archived: Mapping[str, int]  # monitor -> the minute at which a person archives its issue
    resolved: Mapping[str, int]  # issue of error events -> the minute at which a person resolves it
    expected: tuple[Expectation, ...]  # by time; the last one ends the test


def load_cases(directory: Path, rules: RuleSet) -> tuple[Case, ...]:
    """Return the tests of `directory`. Raises RulesError with every mistake in them."""
    problems: list[Problem] = []
    cases: list[Case] = []
    for path in sorted(directory.glob(SUFFIX)):
        file = open_file(path, problems)
        file.allow("tests")
        cases += [_read_case(each, rules) for each in file.sections("tests")]
    if problems:
        raise RulesError(tuple(sorted(problems, key=lambda problem: (problem.file, problem.line))))
    return tuple(cases)


def _read_case(section: Section, rules: RuleSet) -> Case:
    section.allow("name", "requests", "errors", "archive", "resolve", "expect")
    errors = tuple(_read_errors(each, rules) for each in section.sections("errors", is_required=False))
    issues = [each.issue for each in errors]
    if len(set(issues)) < len(issues):
        section.note("an issue is here twice; write its series as one", section.line_of("errors"))
    case = Case(
        name=section.text("name", MAX_TEXT),
        file=section.file,
        line=section.line,
        requests=tuple(_read_requests(each, rules) for each in section.sections("requests", is_required=False)),
        errors=errors,
        archived=_read_deeds(section, "archive", {each.name for each in rules.monitors}),
        resolved=_read_deeds(section, "resolve", set(issues)),
        expected=tuple(_read_expectation(each, rules) for each in section.sections("expect")),
    )
    minutes = [each.minute for each in case.expected]
    if minutes != sorted(set(minutes)):
        section.note("expect goes forward in time, each at a later minute", section.line_of("expect"))
    return case


def _read_requests(section: Section, rules: RuleSet) -> Requests:
    section.allow("endpoint", "rate", "status", "latency", "environment", "release", "tags", "sample_rate")
    named = {
        "transaction": section.text("endpoint", MAX_TEXT, is_required=False),
        "environment": _read_environment(section, rules),
        "release": section.text("release", MAX_TEXT, is_required=False),
    }
    return Requests(
        rate=section.read("rate", read_rate, IDLE),
        status=section.read("status", read_status, read_status("ok"), is_required=False),
        latency=section.read("latency", read_latency, read_latency("100ms"), is_required=False),
        tags=_read_tags(section) | {key: value for key, value in named.items() if value},
        sample_rate=section.read("sample_rate", _read_share, 1.0, is_required=False),
    )


def _read_errors(section: Section, rules: RuleSet) -> Errors:
    section.allow("issue", "rate", "level", "environment", "release", "tags", "users")
    named = {
        "environment": _read_environment(section, rules),
        "release": section.text("release", MAX_TEXT, is_required=False),
    }
    return Errors(
        issue=section.text("issue", MAX_TEXT),
        rate=section.read("rate", read_rate, IDLE),
        level=section.read("level", partial(_read_word, allowed=tuple(LEVELS)), "error", is_required=False),
        tags=_read_tags(section) | {key: value for key, value in named.items() if value},
        users=section.read("users", _read_count, 0, is_required=False),
    )


def _read_environment(section: Section, rules: RuleSet) -> str:
    allowed = {each: each for each in rules.environments}
    return section.read("environment", partial(read_choice, allowed=allowed), "", is_required=False)


def _read_tags(section: Section) -> dict[str, str]:
    if "tags" not in section.fields:
        return {}
    tags = section.section("tags")
    return {key: tags.read(key, str, "") for key in tags.fields}


def _read_deeds(section: Section, key: str, names: set[str]) -> dict[str, int]:
    """What a person does to issues, and at which minute."""
    if key not in section.fields:
        return {}
    inside = section.section(key)
    inside.allow(*sorted(names))
    return {name: inside.read(name, _read_minute, 0) for name in inside.fields}


def _read_expectation(section: Section, rules: RuleSet) -> Expectation:
    section.allow("at", "pages")
    pages = section.sections("pages", may_be_empty=True)
    alerts = tuple(each.name for each in rules.alerts)
    return Expectation(
        section.read("at", _read_minute, 0), tuple(_read_page(each, alerts) for each in pages), section.line
    )


def _read_page(section: Section, alerts: tuple[str, ...]) -> Page:
    section.allow("alert", "says")
    return Page(
        section.read("alert", partial(_read_word, allowed=alerts), ""),
        section.read("says", partial(_read_word, allowed=SAYS), ""),
    )


def _read_minute(text: str) -> int:
    minute = read_minutes(text)
    if minute > MAX_MINUTES:
        raise ValueError(f"{text!r}, a test lasts at most 366d")
    return minute


def _read_count(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_USERS:
        raise ValueError(f"{text!r}, allowed is a whole number up to {MAX_USERS}")
    return int(text)


def _read_share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise ValueError(f"{text!r}, allowed is more than 0 up to 1")
    return share


def _read_word(text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise ValueError(f"{text!r}, allowed are {', '.join(allowed)}")
    return text
