"""Plan files: YAML in, a plan out, every mistake with its line."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any, Final, get_args

from monitors.errors import Problem
from monitors.nodes import Section, open_section
from rehearsal.disturbance import Deploy, Fault, HookFault, faults_of
from rehearsal.disturbance_file import METHODS
from rehearsal.drill import Drill
from rehearsal.errors import UsageError
from rehearsal.plan import PLACEHOLDERS, Action, Hook, Part, Plan, PlannedRequest, Probes
from rehearsal.settings import Options

PLAN_KEYS: Final = ("name", "folder", "service", "beside", "load", "hooks", "books", "sessions", "rules", "drills")
PART_KEYS: Final = ("name", "command", "port", "url", "ready", "environment", "start", "stop")
SERVICE_KEYS: Final = (*PART_KEYS[1:], "probes", "overlaps")
LOAD_KEYS: Final = ("locustfile", "requests")
REQUEST_KEYS: Final = ("name", "weight", "request", "body", "headers", "status")
HOOK_KEYS: Final = ("name", "begin", "end")  # not on and off, which YAML takes for true and false
ACTION_KEYS: Final = ("request", "body", "command")
NAME: Final = r"[a-z][a-z0-9_-]{0,39}"
OWN_NAMES: Final = ("engine", "sink", "load", "sentry", "service")  # of the rehearsal's own parts
MAX_WEIGHT: Final = 1000
MAX_TEXT: Final = 1000
MAX_BODY: Final = 100_000
PROBES: Final[tuple[str, ...]] = get_args(Probes)


def load_plan(path: Path) -> Plan:
    """Load a plan. Raises UsageError with every mistake, each with its line."""
    problems: list[Problem] = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    plan = _read(open_section(text, str(path), problems), path.resolve().parent)
    if problems:
        raise UsageError("\n".join(map(str, problems)))
    return plan


def with_plan(plan: Path, rules: Path | None, drills: Path | None, **chosen: Any) -> Options:
    """The options of a run: the plan's rules and drills where no others are chosen."""
    found = load_plan(plan)
    return Options(plan=plan, rules=rules or found.rules, drills=drills or found.drills, **chosen)


def check_drills(drills: list[Drill], plan: Plan) -> None:
    """Raise UsageError if a drill does what the plan's service cannot be made to do."""
    hooks = {hook.name for hook in plan.hooks}
    for drill in drills:
        for fault in faults_of(drill.disturbance):
            if isinstance(fault, HookFault) and fault.hook not in hooks:
                known = ", ".join(sorted(hooks)) or "none"
                raise UsageError(f"drill {drill.name}: the plan has no hook {fault.hook!r}; it has {known}")
            if isinstance(fault, Fault) and not plan.takes_flags:
                raise UsageError(f"drill {drill.name}: no part of the plan reads $faults, so no flag has an effect")
        if isinstance(drill.disturbance, Deploy) and not plan.takes_release:
            raise UsageError(f"drill {drill.name}: the plan's service reads no $release, so none can be deployed")


def _read(section: Section, folder: Path) -> Plan:
    section.allow(*PLAN_KEYS)
    folder = section.read("folder", _parse_folder(folder), folder, is_required=False)
    beside = section.sections("beside", is_required=False)
    names = ("service", *(each.read("name", _parse_part_name, "") for each in beside))
    known = {*PLACEHOLDERS, *(f"url_{name.replace('-', '_')}" for name in names)}
    service = section.section("service")
    service.allow(*SERVICE_KEYS)
    return Plan(
        folder=folder,
        name=section.read("name", _parse_name, ""),
        service=_read_part(service, "service", known),
        beside=tuple(_read_beside(each, known) for each in beside),
        probes=service.read("probes", _parse_probes, "ignored", is_required=False),
        overlaps=service.flag("overlaps", default=False),
        has_books=section.flag("books", default=True),
        has_sessions=section.flag("sessions", default=False),
        load=_read_load(section.section("load"), folder),
        hooks=tuple(_read_hook(each, known) for each in section.sections("hooks", is_required=False)),
        rules=section.read("rules", _parse_folder(folder), folder),
        drills=section.read("drills", _parse_folder(folder), folder),
    )


def _read_beside(section: Section, known: set[str]) -> Part:
    section.allow(*PART_KEYS)
    return _read_part(section, section.text("name", MAX_TEXT, is_required=False), known)


def _read_part(section: Section, name: str, known: set[str]) -> Part:
    if ("command" in section.fields) == ("url" in section.fields) and not section.is_void:
        section.note("write either `command`, which is then started, or the `url` of what runs already")
    environment = section.section("environment") if "environment" in section.fields else None
    variables = environment.fields if environment else ()
    return Part(
        name=name,
        command=section.read("command", _parse_command(known), (), is_required=False),
        port=section.read("port", _parse_port, 0, is_required=False),
        url=section.read("url", _parse_url, "", is_required=False).rstrip("/"),
        ready=section.read("ready", _parse_path, "/"),
        environment={each: environment.read(each, _parse_template(known), "") for each in variables}
        if environment
        else {},
        start=_read_action(section.section("start"), known) if "start" in section.fields else None,
        stop=_read_action(section.section("stop"), known) if "stop" in section.fields else None,
    )


def _read_load(section: Section, folder: Path) -> Path | tuple[PlannedRequest, ...]:
    section.allow(*LOAD_KEYS)
    if ("locustfile" in section.fields) == ("requests" in section.fields) and not section.is_void:
        section.note("write either `locustfile` or `requests`")
    if "locustfile" in section.fields:
        return section.read("locustfile", _parse_file(folder), folder)
    return tuple(_read_request(each) for each in section.sections("requests", is_required=False))


def _read_request(section: Section) -> PlannedRequest:
    section.allow(*REQUEST_KEYS)
    method, target = section.read("request", _parse_request, ("GET", "/"))
    headers = section.section("headers") if "headers" in section.fields else None
    return PlannedRequest(
        name=section.read("name", _parse_name, ""),
        weight=section.read("weight", _parse_weight, 1, is_required=False),
        method=method,
        target=target,
        body=section.read("body", _parse_json, "", is_required=False),
        headers={name: headers.read(name, str, "") for name in headers.fields} if headers else {},
        status=section.read("status", _parse_status, 200, is_required=False),
    )


def _read_hook(section: Section, known: set[str]) -> Hook:
    section.allow(*HOOK_KEYS)
    begin, end = (_read_action(section.section(key), known) for key in HOOK_KEYS[1:])
    return Hook(section.read("name", _parse_name, ""), begin, end)


def _read_action(section: Section, known: set[str]) -> Action:
    section.allow(*ACTION_KEYS)
    if ("request" in section.fields) == ("command" in section.fields) and not section.is_void:
        section.note("write either `request` or `command`")
    method, url = section.read("request", _parse_call(known), ("", ""), is_required=False)
    body = section.read("body", _parse_template(known), "", is_required=False)
    return Action(method, url, body, section.read("command", _parse_command(known), (), is_required=False))


def _parse_name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError(f"{text!r}, allowed are lower-case letters, digits, - and _, at most 40, a letter first")
    return text


def _parse_part_name(text: str) -> str:
    if text in OWN_NAMES:
        raise ValueError(f"{text!r} is a part of the rehearsal's own; take another name")
    return _parse_name(text)


def _parse_probes(text: str) -> Probes:
    for known in get_args(Probes):
        if text == known:
            return known  # type: ignore[no-any-return]  # mypy does not follow get_args
    raise ValueError(f"{text!r}, allowed are {', '.join(PROBES)}")


def _parse_template(known: set[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        template = Template(text)
        if not template.is_valid():
            raise ValueError("a $ without a name; write $$ for the sign itself")
        if unknown := [name for name in template.get_identifiers() if name not in known]:
            raise ValueError(f"${unknown[0]}, allowed are {', '.join('$' + name for name in sorted(known))}")
        return text

    return parse


def _parse_command(known: set[str]) -> Callable[[str], tuple[str, ...]]:
    check = _parse_template(known)
    return lambda text: tuple(check(word) for word in shlex.split(text))


def _parse_call(known: set[str]) -> Callable[[str], tuple[str, str]]:
    def parse(text: str) -> tuple[str, str]:
        method, _, url = text.partition(" ")
        if method not in METHODS or not re.match(r"https?://|\$url_", url):
            raise ValueError(f"{text!r}, write for example POST $url_service/faults")
        return method, _parse_template(known)(url)

    return parse


def _parse_request(text: str) -> tuple[str, str]:
    method, _, target = text.partition(" ")
    if method not in METHODS or not target.startswith("/") or " " in target:
        raise ValueError(f"{text!r}, write for example GET /items; methods are {', '.join(METHODS)}")
    return method, target


def _parse_url(text: str) -> str:
    if not re.match(r"https?://[^/]", text):
        raise ValueError(f"{text!r}, allowed are http and https addresses")
    return text


def _parse_path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r}, write a path such as /health")
    return text


def _parse_port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise ValueError(f"{text}, allowed are 0 (any) to 65535")
    return int(text)


def _parse_weight(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_WEIGHT:
        raise ValueError(f"{text}, allowed are 1 to {MAX_WEIGHT}")
    return int(text)


def _parse_status(text: str) -> int:
    if not text.isdecimal() or not 200 <= int(text) <= 499:
        raise ValueError(f"{text}, allowed are 200 to 499")
    return int(text)


def _parse_json(text: str) -> str:
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from None
    return text


def _parse_folder(folder: Path) -> Callable[[str], Path]:
    def parse(text: str) -> Path:
        if not (folder / text).is_dir():
            raise ValueError(f"{text!r}: there is no such folder beside the plan")
        return (folder / text).resolve()

    return parse


def _parse_file(folder: Path) -> Callable[[str], Path]:
    def parse(text: str) -> Path:
        if not (folder / text).is_file():
            raise ValueError(f"{text!r}: there is no such file beside the plan")
        return (folder / text).resolve()

    return parse
