"""Error event -> the hashes that decide which issue it joins.

A faithful but smaller version of Sentry's grouping, in this order: a custom fingerprint, the exceptions with their
frames, the message template. An event has one hash per variant (in-app frames, all frames) and joins the issue that
knows any of them. Source: getsentry/sentry src/sentry/grouping, configuration newstyle:2026-01-20, read 2026-11.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from embedded.lenient import mapping, sequence, tags

DEFAULT: Final = "{{ default }}"
MAX_CONTEXT_LINE: Final = 120  # a longer source line does not take part
MESSAGE_LINES: Final = 2
MAX_MESSAGE: Final = 8192  # characters that take part. Source: relay normalisation, read 2026-11
PLACE: Final = ("abs_path", "module", "filename", "function", "lineno")  # what is the same in frames of a recursion
_VARIABLE: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
# What varies from event to event inside a message, most specific first.
_PARAMETERS: Final = (
    # The look-behind keeps it linear: without it each letter of a long word is tried as a beginning.
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]+"), "<email>"),
    (re.compile(r"\b\w+://[^\s\"'<>]+"), "<url>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "<ip>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?\b"), "<date>"),
    (re.compile(r"\b(?:0x[0-9a-fA-F]+|(?=[a-f]*\d)[0-9a-f]{16,})\b"), "<hex>"),
    (re.compile(r"-?\b\d+\.\d+\b"), "<float>"),
    (re.compile(r"-?\b\d+\b"), "<int>"),
)


class _Frame(NamedTuple):
    """What a frame adds to a group, whichever frames take part."""

    is_in_app: bool
    values: tuple[str, str, str]


def event_hashes(event: dict[str, Any]) -> tuple[str, ...]:
    """Return the event's hashes, 32 hex each, the in-app variant first; never empty."""
    entries = [str(entry) for entry in sequence(event.get("fingerprint")) or [DEFAULT]]
    if DEFAULT not in entries and not any(_is_default(entry) for entry in entries):
        return (_digest(resolve(entry, event) for entry in entries),)
    variants = list(_variants(event))
    if all(_is_default(entry) for entry in entries):
        return _unique(_digest(values) for values in variants)
    return _unique(_digest(_expand(entries, values, event)) for values in variants)


def resolve(entry: str, event: dict[str, Any]) -> str:
    """Replace a fingerprint variable such as `{{ transaction }}` or `{{ tags.color }}` by the event's value."""
    match = _VARIABLE.fullmatch(entry.strip())
    if match is None:
        return entry
    name = match.group(1)
    if name.startswith("tags."):
        return tags(event.get("tags")).get(name[5:], f"<no-value-for-tag-{name[5:]}>")
    last = (exceptions(event) or [{}])[-1]
    values = {
        "type": last.get("type"),
        "error.type": last.get("type"),
        "value": last.get("value"),
        "error.value": last.get("value"),
    }
    found = values.get(name, event.get(name))
    return f"<no-{name}>" if found is None else str(found)


def exceptions(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the exceptions oldest first, whichever of the two wire shapes the SDK used."""
    found = event.get("exception")
    values = found.get("values") if isinstance(found, dict) else found
    return [value for value in sequence(values) if isinstance(value, dict)]


def message_of(event: dict[str, Any]) -> str:
    """Return the message, its template rather than the formatted text where both are known."""
    entry = event.get("logentry")
    if isinstance(entry, dict):
        return str(entry.get("message") or entry.get("formatted") or "")
    message = event.get("message")
    return (
        str(message.get("message") or message.get("formatted") or "")
        if isinstance(message, dict)
        else str(message or "")
    )


def parameterise(text: str) -> str:
    """Replace what varies (ids, numbers, addresses, dates) by placeholders, keeping the first non-empty lines."""
    lines = [line for line in text[:MAX_MESSAGE].splitlines() if line.strip()]
    kept = "\n".join(lines[:MESSAGE_LINES]) + ("..." if len(lines) > MESSAGE_LINES else "")
    for pattern, name in _PARAMETERS:
        kept = pattern.sub(name, kept)
    return kept


def _variants(event: dict[str, Any]) -> Iterator[list[str]]:
    raised = exceptions(event)
    if not raised:
        yield [parameterise(message_of(event))]
        return
    stacks = [_frames(exception) for exception in raised]
    if any(frame.is_in_app for stack in stacks for frame in stack):
        yield _exception_values(raised, [[frame for frame in stack if frame.is_in_app] for stack in stacks])
    yield _exception_values(raised, stacks)


def _exception_values(raised: list[dict[str, Any]], stacks: list[list[_Frame]]) -> list[str]:
    values: list[str] = []
    for exception, stack in zip(raised, stacks, strict=True):
        values += [value for frame in stack for value in frame.values]
        if not mapping(exception.get("mechanism")).get("synthetic"):
            values.append(str(exception.get("type") or ""))
    if not any(stacks):  # the text of an exception counts only where no frame does
        values += [parameterise(str(exception.get("value") or "")) for exception in raised]
    return values


def _frames(exception: dict[str, Any]) -> list[_Frame]:
    kept: list[_Frame] = []
    last: tuple[Any, ...] | None = None
    for frame in sequence(mapping(exception.get("stacktrace")).get("frames")):
        if isinstance(frame, dict):
            place = tuple(map(frame.get, PLACE))
            if place != last:  # recursion counts once
                kept.append(_Frame(bool(frame.get("in_app")), _frame_values(frame)))
            last = place
    return kept


def _frame_values(frame: dict[str, Any]) -> tuple[str, str, str]:
    place = str(frame.get("module") or str(frame.get("filename") or "").rsplit("/", 1)[-1].lower())
    line = " ".join(str(frame.get("context_line") or "").split())
    return place, str(frame.get("function") or ""), line if len(line) <= MAX_CONTEXT_LINE else ""


def _expand(entries: Iterable[str], default: list[str], event: dict[str, Any]) -> Iterator[str]:
    for entry in entries:
        yield from default if _is_default(entry) else (resolve(entry, event),)


def _is_default(entry: str) -> bool:
    match = _VARIABLE.fullmatch(entry.strip())
    return match is not None and match.group(1) == "default"


def _digest(values: Iterable[str]) -> str:
    return hashlib.md5("".join(values).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _unique(hashes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hashes))
