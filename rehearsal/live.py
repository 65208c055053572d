"""What an onlooker wants to know beside the drill's phase: the load of the last seconds, the monitors' states.

Sentry is asked in a thread of its own: while a drill keeps it from answering, nothing else may wait for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Final

from monitors.bodies import METRIC_MONITOR
from monitors.client import SentryClient
from monitors.errors import MonitorsError
from monitors.model import RuleSet
from rehearsal.clock import now
from rehearsal.progress import Progress
from rehearsal.stack import Stack

SPAN: Final = timedelta(seconds=3)  # of wall time, over which the load is shown
MOST: Final = 5000  # requests of the ledger's end that are looked at
ASK_EVERY_S: Final = 1.0
FIRING: Final = "FIRING"
NOT_ASKED: Final = ""
NO_ANSWER: Final = "Sentry does not answer"


class LiveProgress:
    """Adds the load and the monitors' states to what is shown."""

    def __init__(self, shown: Progress, stack: Stack, rules: RuleSet) -> None:
        self._shown, self._stack = shown, stack
        self._names = {monitor.name for monitor in rules.monitors}
        self._states = NOT_ASKED
        self._is_over = Event()

    def say(self, text: str) -> None:
        self._shown.say(text)

    def show(self, text: str) -> None:
        self._shown.show("\n".join(filter(None, (text, self.load(), self._states))))

    def load(self) -> str:
        """The load of the last seconds: `23 requests/s, 18% failing`."""
        since = (now() - SPAN).timestamp()
        recent = [entry for entry in self._stack.ledger.refresh()[-MOST:] if entry.sent_at >= since]
        if not recent:
            return "no requests"
        failing = sum(entry.is_failed for entry in recent) / len(recent)
        return f"{len(recent) / SPAN.total_seconds():.0f} requests/s, {failing:.0%} failing"

    def ask_for_ever(self) -> None:
        """Keep the states fresh until it is over."""
        while not self._is_over.wait(ASK_EVERY_S):
            try:
                with self._stack.client() as client:
                    self._states = self._ask(client)
            except MonitorsError:
                self._states = NO_ANSWER

    def stop(self) -> None:
        self._is_over.set()

    def _ask(self, client: SentryClient) -> str:
        """Each monitor's state: `ISL error rate FIRING, ISL p95 latency ok`."""
        found = [
            each
            for each in client.detectors(self._stack.project_id)
            if each.type == METRIC_MONITOR and each.name in self._names
        ]
        firing = {each.id for each in found if any(period.end is None for period in client.open_periods(each.id))}
        return ", ".join(f"{each.name} {FIRING if each.id in firing else 'ok'}" for each in found)


@contextmanager
def watching(shown: Progress, stack: Stack, rules: RuleSet) -> Iterator[Progress]:
    """A progress that shows more, until the block ends."""
    live = LiveProgress(shown, stack, rules)
    Thread(target=live.ask_for_ever, daemon=True).start()
    try:
        yield live
    finally:
        live.stop()
