"""A Sentry event in, the same event without secrets out; and the little that is sent when even that fails.

Source: https://develop.sentry.dev/sdk/data-model/event-payloads/, read 2026-11 (names and shapes of the parts)
"""

import re
from collections.abc import Callable
from typing import Any, Final

from service.scrubbing.text import FILTERED, TEXT_LIMIT, scrub_quotes, scrub_sql, scrub_text
from service.scrubbing.tree import Scrubber, is_id, scrub_tree

# What may be read of a request's headers: enough to debug, nothing that names a person or opens a door.
# Not X-Request-Id: callers write what they like into it, and the tag has the id that holds.
SENT_HEADERS: Final = frozenset({"host", "content-type", "content-length", "user-agent"})
OWN_MODULES: Final = "service."  # our errors quote nothing that is not the caller's to see again
HEADER_LIMIT: Final = 256  # characters: callers' headers must not make events large; a host's name has 253 at the most
USER_HASH: Final = re.compile(r"[0-9a-f]{32}")  # what `service.user_id` makes; any other id is a person's own
# Written by the SDK about the program: names of packages such as `pyjwt` are no secrets.
PROGRAM_PARTS: Final = frozenset({"modules", "sdk", "release", "environment", "platform", "type", "level"})
_WORD: Final = re.compile(r"[\w.<>+:@/{}-]{1,200}")  # names and codes: no spaces, so no sentences and no values
REDUCED_PARTS: Final = (
    *("event_id", "timestamp", "start_timestamp", "platform", "level", "release", "environment", "server_name", "type"),
    *("transaction", "transaction_info", "tags"),
)
REDUCED_CONTEXTS: Final = ("trace", "response", "error_schema")


def scrub_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return a scrubbed copy of an error event or a transaction, of whatever shape. Parts that are unknown stay."""
    scrubber = Scrubber()
    return {
        name: part if name in PROGRAM_PARTS else _RULES.get(name, _scrub_other)(part, scrubber)
        for name, part in event.items()
    }


def reduce_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return what cannot hold a secret: ids, types of exceptions, where they were raised. For when scrubbing fails."""
    kept: dict[str, Any] = {name: _keep_words(event[name]) for name in REDUCED_PARTS if name in event}
    contexts = event.get("contexts")
    if isinstance(contexts, dict):
        kept["contexts"] = {name: _keep_words(contexts[name]) for name in REDUCED_CONTEXTS if name in contexts}
    fingerprint = event.get("fingerprint")
    if isinstance(fingerprint, list):
        kept["fingerprint"] = [part for part in fingerprint if type(part) is str]
    if "exception" in event:
        kept["exception"] = {"values": [_reduce_exception(each) for each in _values(event["exception"])]}
    return kept


def _keep_words(part: object) -> object:
    """Keep names, codes and numbers, one by one or in a mapping; nothing else."""
    if type(part) is dict:
        kept = {name: _keep_words(value) for name, value in part.items() if _is_word(name) and type(value) is not dict}
        return {name: value for name, value in kept.items() if value is not None}
    return part if _is_word(part) or type(part) in (int, float, bool) else None


def _reduce_exception(exception: object) -> dict[str, Any]:
    if not isinstance(exception, dict):
        return {"type": FILTERED}
    kept: dict[str, Any] = {name: exception[name] for name in ("type", "module") if _is_word(exception.get(name))}
    stacktrace = exception.get("stacktrace")
    frames = stacktrace.get("frames") if isinstance(stacktrace, dict) else None
    if isinstance(frames, list):
        names = ("filename", "function", "module", "lineno", "in_app")
        pairs = [{name: each.get(name) for name in names} for each in frames if type(each) is dict]
        kept["stacktrace"] = {"frames": [_keep_words(each) for each in pairs]}
    return kept


def _is_word(value: object) -> bool:
    return type(value) is str and _WORD.fullmatch(value) is not None


def _text(value: object) -> str:
    """The text itself; a subclass may be anything, and any method of it may raise."""
    return value if type(value) is str else ""


def _cut(value: object) -> object:
    return value[:HEADER_LIMIT] if type(value) is str else value


def _values(part: object) -> list[Any]:
    """Return the list of `{"values": [...]}`, or of a plain list; empty for anything else."""
    found = part.get("values") if isinstance(part, dict) else part
    return found if isinstance(found, list) else []


def _scrub_other(part: object, scrubber: Scrubber) -> object:
    return scrubber.scrub(part)


def _scrub_id(part: object, scrubber: Scrubber) -> object:
    return part if is_id(part) else scrubber.scrub(part)


def _scrub_request(part: object, scrubber: Scrubber) -> object:
    """Keep the method, the path and harmless headers: what else there is, the caller wrote."""
    if not isinstance(part, dict):
        return FILTERED
    kept: dict[str, object] = {}
    if type(part.get("method")) is str:
        kept["method"] = scrub_text(part["method"])
    if type(part.get("url")) is str:
        kept["url"] = scrub_text(re.split("[?#]", part["url"][:TEXT_LIMIT], maxsplit=1)[0])
    headers = part.get("headers")
    if isinstance(headers, dict):
        sent = {name: value for name, value in headers.items() if str(name).lower() in SENT_HEADERS}
        scrubbed = scrubber.scrub(sent)
        kept["headers"] = {name: _cut(value) for name, value in scrubbed.items()} if isinstance(scrubbed, dict) else {}
    return kept


def _scrub_user(part: object, _scrubber: Scrubber) -> object:
    user_id = part.get("id") if isinstance(part, dict) else None
    return {"id": user_id} if type(user_id) is str and USER_HASH.fullmatch(user_id) else {}


def _scrub_exception(part: object, scrubber: Scrubber) -> object:
    scrubbed = scrubber.scrub(part)
    for before, after in zip(_values(part), _values(scrubbed), strict=False):
        if isinstance(before, dict) and isinstance(after, dict) and type(before.get("value")) is str:
            is_own = _text(before.get("module")).startswith(OWN_MODULES)
            after["value"] = (scrub_text if is_own else scrub_quotes)(before["value"])
    return scrubbed


def _scrub_breadcrumbs(part: object, scrubber: Scrubber) -> object:
    return _scrub_statements(part, scrubber, "message", lambda crumb: crumb.get("category") == "query")


def _scrub_spans(part: object, scrubber: Scrubber) -> object:
    return _scrub_statements(part, scrubber, "description", lambda span: _text(span.get("op")).startswith("db"))


def _scrub_statements(part: object, scrubber: Scrubber, name: str, is_sql: Callable[[dict[str, Any]], bool]) -> object:
    """Scrub a list, and in those of its entries that carry SQL the literals of the statement too."""
    scrubbed = scrubber.scrub(part)
    for before, after in zip(_values(part), _values(scrubbed), strict=False):
        if isinstance(before, dict) and isinstance(after, dict) and type(before.get(name)) is str and is_sql(before):
            after[name] = scrub_sql(before[name])
    return scrubbed


def _scrub_logentry(part: object, _scrubber: Scrubber) -> object:
    """Keep the template, which is code; the parameters are data, and so is the text made of both."""
    if not isinstance(part, dict):
        return FILTERED
    template = part.get("message") or part.get("formatted")
    return {"message": scrub_text(template)} if type(template) is str else {}


_RULES: Final[dict[str, Callable[[Any, Scrubber], object]]] = {
    "event_id": _scrub_id,
    "request": _scrub_request,
    "user": _scrub_user,
    "exception": _scrub_exception,
    "breadcrumbs": _scrub_breadcrumbs,
    "spans": _scrub_spans,
    "logentry": _scrub_logentry,
}


def scrub_log(log: dict[str, Any]) -> dict[str, Any]:
    """Return a scrubbed copy of a record of Sentry's logs: the text, and its attributes without the parameters."""
    attributes = log.get("attributes")
    kept = {
        name: value
        for name, value in (attributes.items() if isinstance(attributes, dict) else ())
        if not str(name).startswith("sentry.message.parameter")
    }
    scrubbed = scrub_tree({**log, "attributes": kept})
    return scrubbed if isinstance(scrubbed, dict) else {}
