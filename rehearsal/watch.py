"""What goes on while a drill lasts: pages as they arrive, its phase, and whether the stack is still whole."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from rehearsal.clock import Pace, now, show_span, sleep
from rehearsal.errors import EnvironmentMissingError
from rehearsal.progress import Progress
from rehearsal.sink import Page, read_pages
from rehearsal.stack import Stack

POLL: Final = timedelta(milliseconds=100)


def _never() -> bool:
    return False


class Watch:
    """Waits, and meanwhile tells whoever looks on."""

    def __init__(self, drill: str, stack: Stack, pace: Pace, progress: Progress) -> None:
        self.stack, self.pace = stack, pace
        self.started_at = now()
        self.phase = "healthy traffic"
        self._drill, self._progress = drill, progress

    def say(self, text: str) -> None:
        """Tell what happened."""
        self._progress.say(text)

    def pages(self) -> list[Page]:
        """What arrived since the drill began."""
        return [page for page in read_pages(self.stack.pages) if page.received_at >= self.started_at]

    def until(self, limit: datetime, is_over: Callable[[], bool] = _never) -> bool:
        """Wait for an instant, or until something is the case; tell whether it is.

        Raises EnvironmentMissingError when a part of the stack ends meanwhile.
        """
        said = len(self.pages())
        while True:
            if dead := self.stack.dead():
                raise EnvironmentMissingError("\n".join(["a part of the stack ended in the middle of a drill", *dead]))
            pages = self.pages()
            for page in pages[said:]:
                self.say(f"page on {page.channel}: {page.title} ({page.text})")
            said = len(pages)
            if is_over():
                return True
            if now() >= limit:
                return False
            self._progress.show(self._describe(limit))
            sleep(POLL)

    def through(self, production: timedelta) -> None:
        """Wait until so much of the drill has passed."""
        self.until(self.started_at + self.pace.wall(production))

    def _describe(self, limit: datetime) -> str:
        entries = self.stack.ledger.refresh()
        failed = sum(entry.is_failed for entry in entries)
        left = show_span(max(timedelta(0), limit - now()))  # of the onlooker's own clock, as all of this line
        return f"{self._drill}, {self.phase}: {len(entries)} requests, {failed} failed, at most {left} to go"
