"""The payload of an error event -> what its page shows; pure. The payload is a stranger's: any shape, never raises."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from embedded.lenient import instant, mapping, sequence

MAX_TEXT: Final = 2_000  # characters of one value
MAX_FRAMES: Final = 100  # of one exception
MAX_CRUMBS: Final = 100
MAX_ROWS: Final = 100  # of a context, of variables, of headers
HIDDEN_CONTEXTS: Final = ("trace",)  # shown as the linked trace
FIRST_CONTEXTS: Final = ("error_schema", "dag")  # what the reference service says of its failure
FACTS: Final = ("level", "environment", "release", "transaction", "server_name", "platform", "logger")

Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One call, the source around it if it was sent."""

    where: str
    function: str
    line: int | None
    is_in_app: bool
    source: tuple[tuple[int, str, bool], ...]  # number, text, is it the line itself
    variables: Rows


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception of the chain; frames with the newest call first."""

    kind: str
    value: str
    is_handled: bool | None
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Crumb:
    """Something that happened before."""

    at: datetime | None
    category: str
    level: str
    message: str
    data: Rows


@dataclass(frozen=True, slots=True)
class EventView:
    """All that is shown of an event."""

    chain: tuple[Raised, ...]  # the one that was seen first, then its causes
    message: str
    contexts: tuple[tuple[str, Rows], ...]
    crumbs: tuple[Crumb, ...]  # the newest first
    request: Rows
    request_headers: Rows
    user: Rows
    facts: Rows
    trace_id: str | None


def view_event(payload: dict[str, Any]) -> EventView:
    """Arrange a payload for the page."""
    contexts = mapping(payload.get("contexts"))
    request = mapping(payload.get("request"))
    trace = mapping(contexts.get("trace"))
    written = mapping(payload.get("logentry"))
    later = (name for name in contexts if name not in (*FIRST_CONTEXTS, *HIDDEN_CONTEXTS))
    names = [*(name for name in FIRST_CONTEXTS if name in contexts), *later][:MAX_ROWS]
    return EventView(
        chain=tuple(_raised(each) for each in reversed(_values(payload.get("exception")))),
        message=show(written.get("formatted") or written.get("message") or payload.get("message") or ""),
        contexts=tuple((name, _rows(contexts[name])) for name in names),
        crumbs=tuple(_crumb(each) for each in reversed(_values(payload.get("breadcrumbs"))[-MAX_CRUMBS:])),
        request=_rows({name: request[name] for name in request if name not in ("headers", "env")}),
        request_headers=_headers(request.get("headers")),
        user=_rows(payload.get("user")),
        facts=_rows({name: payload[name] for name in FACTS if payload.get(name)}),
        trace_id=show(trace["trace_id"]) if trace.get("trace_id") else None,
    )


def show(value: object) -> str:
    """A value as text, cut to MAX_TEXT; structures as JSON."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _values(value: object) -> list[dict[str, Any]]:
    """`{values: [...]}` or a bare list, both of which SDKs send."""
    listed = mapping(value).get("values") if isinstance(value, dict) else value
    return [each for each in sequence(listed) if isinstance(each, dict)]


def _rows(value: object) -> Rows:
    pairs: Iterable[tuple[Any, Any]] = mapping(value).items()
    return tuple((show(str(name)), show(held)) for name, held in pairs if name != "type" or held != "default")[
        :MAX_ROWS
    ]


def _headers(value: object) -> Rows:
    if isinstance(value, dict):
        return _rows(value)
    pairs = [each for each in sequence(value) if isinstance(each, list) and len(each) == 2]
    return tuple((show(str(name)), show(held)) for name, held in pairs)[:MAX_ROWS]


def _raised(value: dict[str, Any]) -> Raised:
    handled = mapping(value.get("mechanism")).get("handled")
    frames = [each for each in sequence(mapping(value.get("stacktrace")).get("frames")) if isinstance(each, dict)]
    return Raised(
        kind=show(value.get("type") or "Error"),
        value=show(value.get("value") or ""),
        is_handled=handled if isinstance(handled, bool) else None,
        frames=tuple(_frame(each) for each in reversed(frames[-MAX_FRAMES:])),
    )


def _frame(value: dict[str, Any]) -> Frame:
    line = value.get("lineno")
    number = line if isinstance(line, int) else None
    return Frame(
        where=show(value.get("filename") or value.get("module") or value.get("abs_path") or "unknown file"),
        function=show(value.get("function") or "?"),
        line=number,
        is_in_app=value.get("in_app") is True,
        source=_source(value, number or 1),
        variables=_rows(value.get("vars")),
    )


def _source(value: dict[str, Any], line: int) -> tuple[tuple[int, str, bool], ...]:
    own = value.get("context_line")
    if not isinstance(own, str):
        return ()
    before, after = (sequence(value.get(name)) for name in ("pre_context", "post_context"))
    lines = [*before, own, *after]
    return tuple((line - len(before) + number, show(text), number == len(before)) for number, text in enumerate(lines))[
        :MAX_ROWS
    ]


def _crumb(value: dict[str, Any]) -> Crumb:
    return Crumb(
        at=instant(value.get("timestamp")),
        category=show(value.get("category") or value.get("type") or "default"),
        level=show(value.get("level") or "info"),
        message=show(value.get("message") or ""),
        data=_rows(value.get("data")),
    )
