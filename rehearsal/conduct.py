"""The rehearsal itself: stack up, drills, stack down, books closed, verdict. One function reads as the whole path."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from monitors.errors import MonitorsError, RulesError
from monitors.load import load_rules
from monitors.model import RuleSet
from rehearsal.clock import Pace, now, sleep
from rehearsal.drill import load_drills
from rehearsal.drilling import Drilling, Progress
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.judge import judge_books
from rehearsal.observe import observe
from rehearsal.reconcile import Books, reconcile
from rehearsal.settings import Options
from rehearsal.sink import read_pages
from rehearsal.stack import Stack
from rehearsal.verdict import Report

ENGINE: Final = "embedded"
BOOKS_DEADLINE: Final = timedelta(seconds=15)  # for what is still on its way when the service has stopped
POLL: Final = timedelta(milliseconds=200)


def rehearse(options: Options, progress: Progress) -> Report:
    """Run every drill and return the report; whatever was started is stopped, also after an error or Ctrl-C.

    1 rules and drills, 2 engine and sink, 3 monitors, 4 service and load, 5 drills, 6 load and service down,
    7 books, 8 everything down. Raises UsageError, EnvironmentMissingError.
    """
    rules, drills = _load_rules(options.rules), load_drills(options.drills, options.only)  # 1
    started_at = now()
    stack = Stack(options, options.var / "runs" / f"{started_at:%Y%m%dT%H%M%S}")
    try:
        _bring_up(stack, rules, progress)  # 2, 3, 4
        pace = Pace(options.speed, now())
        results = [
            Drilling(drill, stack, rules, pace, progress).run(with_faults=options.with_faults) for drill in drills
        ]  # 5
        progress.say("stopping the load, then the service, which flushes its telemetry")
        stack.stop_part("load")  # 6
        stack.stop_part("service")
        books = _close_books(stack, started_at, progress)  # 7
        return Report(
            started_at=started_at,
            origin=pace.origin,
            ended_at=now(),
            options=options,
            engine=ENGINE,
            drills=tuple(results),
            pages=tuple(read_pages(stack.pages)),
            entries=tuple(stack.ledger.refresh()),
            books=books,
            book_findings=judge_books(books),
            folder=stack.folder,
        )
    except MonitorsError as error:
        raise EnvironmentMissingError(str(error)) from error
    finally:
        stack.stop()  # 8


def _load_rules(folder: Path) -> RuleSet:
    try:
        return load_rules(folder)
    except RulesError as error:
        raise UsageError(str(error)) from None


def _bring_up(stack: Stack, rules: RuleSet, progress: Progress) -> None:
    stack.set_fault(None)
    progress.show("starting the embedded engine")
    stack.start_engine()
    progress.show("starting the notification sink")
    stack.start_sink()
    progress.say(f"engine at {stack.urls['sentry']}, sink at {stack.urls['sink']}")
    made = stack.provision(rules)
    progress.say(f"{made} monitors and alerts applied through the web API")
    progress.show("starting the service under gunicorn")
    stack.start_service()
    progress.say(f"service at {stack.urls['service']}")
    progress.show("starting the load")
    stack.start_load()
    progress.say("load running")


def _close_books(stack: Stack, since: datetime, progress: Progress) -> Books:
    """Read what arrived until the accounts close or time is up; then they stay as they are."""
    progress.show("closing the books")
    deadline = now() + BOOKS_DEADLINE
    entries = stack.ledger.refresh()
    with stack.client() as client:
        while True:
            seen = observe(client, stack.project_id, since)
            books = reconcile(entries, seen.transactions, seen.errors, seen.discards)
            if books.is_closed or now() >= deadline:
                return books
            sleep(POLL)
