"""The canary: one transaction, one monitor that must fire on it, before any drill. Is Sentry's own path alive?

Self-hosted Sentry has been released with dead alerts more than once. A drill on such a Sentry would blame the rules.
"""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import sentry_sdk

from loadtest.ledger import CANARY, Entry
from monitors import signals
from monitors.load import load_rules
from monitors.model import RuleSet
from rehearsal.clock import Pace, now, show_span, sleep
from rehearsal.sink import Page, read_pages
from rehearsal.stack import Stack
from rehearsal.verdict import Finding, Status

RULES: Final = Path(__file__).with_suffix("")
TRANSACTION: Final = "rehearsal.canary"
ENVIRONMENT: Final = "rehearsal"
WITHIN: Final = timedelta(minutes=5)  # production time; a healthy Sentry needs one evaluation, a minute
POLL: Final = timedelta(milliseconds=100)
FLUSH_TIMEOUT_S: Final = 5.0


def with_canary(rules: RuleSet) -> RuleSet:
    """Return the rules and the canary's."""
    own = load_rules(RULES)
    return RuleSet((*rules.monitors, *own.monitors), (*rules.alerts, *own.alerts))


def is_canary(page: Page) -> bool:
    """Is it the canary's own page?"""
    return page.alert == load_rules(RULES).alerts[0].name


def send_canary(stack: Stack, pace: Pace) -> Finding:
    """Send the transaction, wait for its page, and say whether it came in time."""
    what = f"the canary pages within {show_span(WITHIN)}, so Sentry's own path to a page works"
    sent_at = now()
    entry = Entry(f"req_{secrets.token_hex(8)}", CANARY, "", TRANSACTION, sent_at.timestamp(), 0.0, 200, None)
    stack.write_ledger(entry)
    _send(stack.dsn, entry)
    deadline = sent_at + pace.wall(WITHIN) + stack.engine.lag
    while True:
        page = next((each for each in read_pages(stack.pages) if is_canary(each)), None)
        if page is not None:
            took = pace.production(page.received_at - sent_at)
            return Finding(Status.HELD, what, f"paged {show_span(took)} after its transaction")
        if now() > deadline:
            return Finding(Status.FAILED, what, f"it never paged: {_advise(stack)}")
        sleep(POLL)


def _advise(stack: Stack) -> str:
    advice = "look at Sentry's log before you look at any rule"
    return advice if stack.engine.is_ours else f"{advice}; does it reach the sink at {stack.urls['sink']}?"


def _send(dsn: str, entry: Entry) -> None:
    client = sentry_sdk.Client(
        dsn=dsn, default_integrations=False, environment=ENVIRONMENT, auto_session_tracking=False
    )
    client.capture_event(_transaction(entry))
    client.close(timeout=FLUSH_TIMEOUT_S)


def _transaction(entry: Entry) -> Any:
    trace = {"trace_id": uuid4().hex, "span_id": secrets.token_hex(8), "op": "rehearsal", "status": "ok"}
    return {
        "type": "transaction",
        "transaction": TRANSACTION,
        "transaction_info": {"source": "custom"},
        "start_timestamp": entry.sent_at,
        "timestamp": entry.sent_at,
        "contexts": {"trace": trace},
        "tags": {signals.REQUEST_ID.name: entry.request_id},
        "spans": [],
    }
