"""Rules files -> RuleSet, or one RulesError with every mistake in all of them. First step of check, plan and apply."""

import re
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, Literal, get_args

from monitors import inexpressible, thresholds
from monitors.errors import Problem, RulesError
from monitors.fields import (
    MAX_RECEIVER,
    read_choice,
    read_dataset,
    read_delta,
    read_frequency,
    read_owner,
    read_priority,
    read_receiver,
    read_trigger,
    read_url,
    read_window,
)
from monitors.filters import OF_EVENTS, read_filter
from monitors.filters import RULES as FILTERS
from monitors.model import (
    Action,
    ActionKind,
    Aggregate,
    Alert,
    Dataset,
    Extrapolation,
    Filter,
    Logic,
    Monitor,
    RuleSet,
    Source,
    Trigger,
)
from monitors.nodes import Section, open_file, show_path
from monitors.vocabulary import ENVIRONMENT, TAG, Vocabulary, vocabulary_of

__all__ = ["RULES_DIRECTORY", "Problem", "RulesError", "load_rules"]

RULES_DIRECTORY: Final = Path(__file__).parent / "rules"
MAX_MONITOR_NAME: Final = 200  # characters; Sentry's own limits
MAX_ALERT_NAME: Final = 256
MAX_TEXT: Final = 1000  # characters, for descriptions and names of other things
SPANS_MIN_WINDOW: Final = timedelta(minutes=5)
EXTRAPOLATIONS: Final[dict[str, Extrapolation]] = {"weighted": "client_and_server_weighted", "none": "none"}
LOGICS: Final[dict[str, Logic]] = {"all": "all", "any": "any", "none": "none"}
RECEIVERS: Final[tuple[ActionKind, ...]] = get_args(ActionKind)
INTEGRATION: Final = "integration"
INTEGRATED: Final = ("slack", "pagerduty", "discord", "msteams")
EXTRAS: Final = {"tags": ("slack", "discord"), "priority": ("pagerduty",)}  # key -> the receivers that it is for
UNKNOWN: Final[Extrapolation] = "unknown"  # Sentry decides
ALL: Final[Logic] = "all"
MONITOR_KEYS: Final = (
    "name", "description", "aggregate", "dataset", "query", "window", "environment", "thresholds", "compared_to",
    "extrapolation", "owner", "enabled",
)  # fmt: skip
ALERT_KEYS: Final = (
    "name", "when", "monitors", "builtin", "frequency", "environment", "filters", "match", "notify", "runbook", "owner",
    "enabled",
)  # fmt: skip


def load_rules(directory: Path = RULES_DIRECTORY) -> RuleSet:
    """Return the monitors and alerts of `directory/*.yml`, leaving out the rules' own tests, `*.test.yml`.

    Raises RulesError with all mistakes of all files, in the order of files and lines.
    """
    problems: list[Problem] = []
    files = [_open(path, problems) for path in _rules_files(directory, problems)]
    monitor_sections = [each for file in files for each in file.sections("monitors", is_required=False)]
    alert_sections = [each for file in files for each in file.sections("alerts", is_required=False)]
    names = _read_vocabulary(files)
    monitors = [_read_monitor(section, names) for section in monitor_sections]
    # A monitor with a mistake still has a name: its alerts are not to be blamed as well.
    known = _note_duplicates(monitors)
    alerts = [_read_alert(section, known, names) for section in alert_sections]
    _note_duplicates(alerts)
    if problems:
        raise RulesError(tuple(sorted(problems, key=lambda problem: (problem.file, problem.line))))
    return RuleSet(tuple(rule for rule, _ in monitors), tuple(rule for rule, _ in alerts), names.environments)


def _rules_files(directory: Path, problems: list[Problem]) -> list[Path]:
    found = sorted(path for path in directory.glob("*.yml") if not path.name.endswith(".test.yml"))
    if not found:
        problems.append(Problem(show_path(directory), 1, "no rules here, allowed are files named *.yml"))
    # Passed over in silence, the rules of such a file would never page anyone.
    odd = sorted(directory.glob("*.yaml"))
    problems += [Problem(show_path(path), 1, "rules files are named *.yml, rename it") for path in odd]
    return found


def _open(path: Path, problems: list[Problem]) -> Section:
    section = open_file(path, problems)
    section.allow("signals", "monitors", "alerts")
    return section


def _read_vocabulary(files: Iterable[Section]) -> Vocabulary:
    """What a service other than ours sends, as its rules name it, in all files together."""
    tags: list[str] = []
    environments: list[str] = []
    for section in (file.section("signals") for file in files if "signals" in file.fields):
        section.allow("tags", "environments")
        tags += section.read_all("tags", partial(_read_name, form=TAG), is_required=False)
        environments += section.read_all("environments", partial(_read_name, form=ENVIRONMENT), is_required=False)
    return vocabulary_of(tags, dict.fromkeys(environments))


def _read_name(text: str, form: str) -> str:
    if not re.fullmatch(form, text):
        raise ValueError(f"{text!r} is no name that Sentry takes, it matches {form}")
    return text


def _read_monitor(section: Section, names: Vocabulary) -> tuple[Monitor, Section]:
    section.allow(*MONITOR_KEYS, remedies=inexpressible.MONITOR)
    dataset = section.read("dataset", read_dataset, None)
    monitor = Monitor(
        name=section.text("name", MAX_MONITOR_NAME),
        description=section.text("description", MAX_TEXT, is_required=False) or None,
        aggregate=section.read("aggregate", names.read_aggregate, Aggregate("count", None)),
        dataset=dataset or Dataset.SPANS,
        query=section.read("query", names.read_query, "", is_required=False),
        window=section.read("window", read_window, SPANS_MIN_WINDOW),
        environment=section.read("environment", names.read_environment, None, is_required=False),
        thresholds=thresholds.read_thresholds(section),
        enabled=section.flag("enabled", default=True),
        source=Source(section.file, section.line),
        compared_to=section.read("compared_to", read_delta, None, is_required=False),
        extrapolation=section.read(
            "extrapolation", partial(read_choice, allowed=EXTRAPOLATIONS), UNKNOWN, is_required=False
        ),
        owner=section.read("owner", read_owner, None, is_required=False),
    )
    _check_fit(section, monitor, dataset)
    return monitor, section


def _check_fit(section: Section, monitor: Monitor, dataset: Dataset | None) -> None:
    """Note fields that are each right and do not go together. The stand-ins of wrong ones go with everything."""
    if dataset is Dataset.ERRORS and monitor.aggregate.needs_requests:
        message = "error events have neither duration nor status; measure it over spans"
        section.note(f"{monitor.aggregate} over errors: {message}", section.line_of("aggregate"))
    if dataset is Dataset.ERRORS and monitor.extrapolation != UNKNOWN:
        section.note("extrapolation over errors: they are not sampled with weights", section.line_of("extrapolation"))
    if dataset is Dataset.SPANS and monitor.window < SPANS_MIN_WINDOW:
        section.note("window over spans: the shortest is 5m", section.line_of("window"))
    thresholds.check_thresholds(section, monitor)


def _read_alert(section: Section, monitors: Iterable[str], names: Vocabulary) -> tuple[Alert, Section]:
    section.allow(*ALERT_KEYS, remedies=inexpressible.ALERT)
    alert = Alert(
        name=section.text("name", MAX_ALERT_NAME),
        monitors=section.read_all("monitors", partial(_read_known, known=set(monitors)), is_required=False),
        builtin=section.read("builtin", _read_builtin, None, is_required=False),
        triggers=section.read_all("when", read_trigger),
        frequency=section.read("frequency", read_frequency, timedelta(0)),
        environment=section.read("environment", names.read_environment, None, is_required=False),
        actions=tuple(_read_action(each) for each in section.sections("notify")),
        runbook=section.read("runbook", read_url, None, is_required=False),
        enabled=section.flag("enabled", default=True),
        source=Source(section.file, section.line),
        filters=tuple(
            found for each in section.sections("filters", is_required=False) for found in _read_filters(each, names)
        ),
        logic=section.read("match", partial(read_choice, allowed=LOGICS), ALL, is_required=False),
        owner=section.read("owner", read_owner, None, is_required=False),
    )
    _check_alert(section, alert)
    if not {"monitors", "builtin"} & section.fields.keys():
        section.note("the alert is connected to no monitor and would never act; add `monitors` or `builtin: error`")
    return alert, section


def _check_alert(section: Section, alert: Alert) -> None:
    """Note triggers and filters that are each right and do not go together."""
    if Trigger.ANY_EVENT in alert.triggers and len(alert.triggers) > 1:
        section.note("any_event is every other trigger too; name it alone", section.line_of("when"))
    if "match" in section.fields and not alert.filters:
        section.note("match says how filters are joined, and there are none", section.line_of("match"))
    of_events = [each.type for each in alert.filters if each.type in OF_EVENTS]
    if of_events and alert.monitors and alert.builtin is None:
        message = "Sentry evaluates it for error events only, so on a metric monitor's issues it never holds"
        section.note(f"{', '.join(of_events)}: {message}", section.line_of("filters"))


def _read_filters(section: Section, names: Vocabulary) -> tuple[Filter, ...]:
    """One filter per entry, so that the list reads as Sentry's page shows it."""
    section.allow(*FILTERS)
    if len(section.fields) > 1:
        section.note("one filter per entry; start each with a dash of its own")
    kinds = [kind for kind in section.fields if kind in FILTERS]
    found = [section.read(kind, partial(_read_filter, kind, names), None) for kind in kinds]
    return tuple(each for each in found if each is not None)


def _read_filter(kind: str, names: Vocabulary, text: str) -> Filter:
    found = read_filter(kind, text)
    if found.type == "tagged_event":
        names.check_key(found["key"], found["key"])
    return found


def _read_action(section: Section) -> Action:
    """One receiver per entry, and what is said to it beside the message."""
    section.allow(*RECEIVERS, INTEGRATION, *EXTRAS)
    kinds = [kind for kind in RECEIVERS if kind in section.fields]
    if len(kinds) != 1 and not section.is_void:
        section.note(f"one receiver per entry, allowed are {', '.join(RECEIVERS)}; start each with a dash of its own")
    kind = kinds[0] if kinds else "sentry_app"
    target = section.text(kind, MAX_RECEIVER, is_required=bool(kinds))
    if kinds:
        section.read(kind, partial(read_receiver, kind), "")
    for key in (INTEGRATION, *EXTRAS):
        if kinds and key in section.fields and kind not in EXTRAS.get(key, INTEGRATED):
            section.note(f"{key} says nothing to {kind}", section.line_of(key))
    return Action(
        kind=kind,
        target=target,
        integration=section.text(INTEGRATION, MAX_TEXT, is_required=False) or None,
        data=tuple((key, _read_extra(section, key)) for key in EXTRAS if key in section.fields),
    )


def _read_extra(section: Section, key: str) -> str:
    return section.read(key, read_priority, "") if key == "priority" else section.text(key, MAX_TEXT)


def _read_known(text: str, known: set[str]) -> str:
    if text not in known:
        raise ValueError(f"{text!r} is no monitor, allowed are {', '.join(sorted(known)) or 'none, for there is none'}")
    return text


def _read_builtin(text: str) -> Literal["error"] | None:
    if text != "error":
        raise ValueError(f"{text!r}, allowed is error")
    return "error"


def _note_duplicates(rules: Iterable[tuple[Monitor | Alert, Section]]) -> tuple[str, ...]:
    """Return the names; a name is how a rule is found again, so each may be used once in all files together."""
    first: dict[str, Source] = {}
    for rule, section in rules:
        if rule.name and rule.name in first:
            section.note(f"name {rule.name!r} is taken, see {first[rule.name]}", section.line_of("name"))
        first.setdefault(rule.name, rule.source)
    return tuple(name for name in first if name)
