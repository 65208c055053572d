"""The last word on what leaves the process: errors get their code, everything is scrubbed, and nothing is lost by it.

The SDK drops an event whose hook raises, and says so in a client report only. So no hook here raises.
"""

import logging
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import urlsplit

from sentry_sdk.types import Breadcrumb, BreadcrumbHint, Event, Hint

from monitors import signals
from service.dependency import DependencyError
from service.error_bodies import to_isl_error
from service.errors import SOURCE, IslError
from service.sampling import UNMATCHED
from service.scrubbing.event import HEADER_LIMIT, reduce_event, scrub_event, scrub_log
from service.scrubbing.one_pass import unpack
from service.urls import runbook_of

log: Final = logging.getLogger("isl.telemetry")


def before_send(event: Event, hint: Hint, runbook_url: str | None = None) -> Event:
    """Finish an error event: code, retryable, runbook and grouping, then scrubbing. Attachments cannot be scrubbed."""
    hint["attachments"] = []
    plain = cast(dict[str, Any], event)
    try:
        _add_error(plain, (hint.get("exc_info") or (None, None, None))[1], runbook_url)
    except Exception as error:  # noqa: BLE001  # the event without our additions beats no event
        log.warning("an error event is sent without its code: %s", type(error).__name__)
    return cast(Event, _finish(plain, scrub_event))


def before_send_transaction(event: Event, hint: Hint) -> Event:
    """Finish a transaction: scrubbing where it was not scrubbed yet, and one name for all paths that no route takes."""
    hint["attachments"] = []
    plain = cast(dict[str, Any], event)
    scrubbed = unpack(plain)
    return cast(Event, _finish(plain, scrub_event) if scrubbed is None else _finish(scrubbed, dict))


def before_breadcrumb(crumb: Breadcrumb, hint: BreadcrumbHint) -> Breadcrumb:
    """Leave of a log line what code wrote: its template. Parameters and extras are data, and stay in our own log."""
    record = hint.get("log_record")
    if not isinstance(record, logging.LogRecord):
        return crumb
    template = record.msg if type(record.msg) is str else type(record.msg).__name__
    return {**crumb, "message": template, "data": {}}


def before_send_log(record: dict[str, Any], _hint: Hint) -> dict[str, Any] | None:
    """Scrub a record of Sentry's logs. One that cannot be scrubbed is dropped: the line is in our own log as well."""
    try:
        return scrub_log(record)
    except Exception as error:  # noqa: BLE001  # whatever it is, the record stays here
        log.warning("a log record is not sent: %s", type(error).__name__)
        return None


def _finish(event: dict[str, Any], scrub: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Scrub; where that fails send what cannot hold a secret; where even that fails send that there was something."""
    for step in (scrub, reduce_event):
        try:
            return _show_route(_name_unmatched(step(event)))
        except Exception as error:  # noqa: BLE001  # whatever it is, an event with less beats none
            log.warning("an event could not be finished by %s: %s", step.__name__, type(error).__name__)
    return {"message": "an event that could not be scrubbed", "level": "error", "platform": "python"}


def _name_unmatched(event: dict[str, Any]) -> dict[str, Any]:
    info = event.get("transaction_info")
    if isinstance(info, dict) and info.get("source") == "url":
        event["transaction"] = UNMATCHED
    return event


def _show_route(event: dict[str, Any]) -> dict[str, Any]:
    """Put the route for the path in the request's URL: ids, and whatever else callers write there, stay here."""
    request = event.get("request")
    if isinstance(request, dict) and isinstance(request.get("url"), str):
        route = event.get("transaction")
        path = route if isinstance(route, str) else ""
        event["request"] = request | {"url": _replace_path(request["url"], path)}
    return event


def _replace_path(url: str, path: str) -> str:
    """Put another path into a URL; where the caller's Host header makes it none, the path is all that is shown."""
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc[:HEADER_LIMIT], path=path, query="", fragment="").geturl()
    except ValueError:
        return path


def _add_error(event: dict[str, Any], error: BaseException | None, runbook_url: str | None) -> None:
    if error is None:
        return
    known = to_isl_error(error)
    code, spec = known.code.name, known.code.value
    tags = dict(event.get("tags") or {})
    tags[signals.ERROR_CODE.name] = code
    tags[signals.RETRYABLE.name] = str(spec.retryable).lower()
    if runbook_url is not None:
        tags[signals.RUNBOOK.name] = runbook_of(runbook_url, code)
    event["tags"] = tags
    contexts = dict(event.get("contexts") or {})
    reason = known.details.reason or spec.reason
    contexts[signals.ERROR_SCHEMA.name] = {
        "code": code,
        "reason": reason,
        "retryable": spec.retryable,
        "source": SOURCE,
    }
    event["contexts"] = contexts
    event["fingerprint"] = _group(error, code)


def _group(error: BaseException, code: str) -> list[str]:
    """Say which errors are one issue (decision 0001).

    A typed failure is its code: a new code is a new issue, wherever it was raised. Where a dependency is missing, each
    dependency is an issue of its own. Unhandled ones keep Sentry's grouping by stack, so that two different bugs stay
    two issues.
    """
    if isinstance(error, DependencyError):
        return [code, error.dependency.value]
    return [code] if isinstance(error, IslError) else ["{{ default }}", code]
