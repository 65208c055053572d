"""Messages as they arrived, one line of JSON each: what was understood of them, and the raw text."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from rehearsal.clock import now
from rehearsal.sink.readers import Kind, Reading

RESOLVED: Final = "resolved"


@dataclass(frozen=True, slots=True)
class Page:
    """One notification as it arrived."""

    received_at: datetime
    channel: str  # as rules name it: integration, channel, service, mail address
    action: str  # critical, warning, resolved or triggered
    alert: str  # name of the alert that sent it
    title: str
    text: str
    url: str
    is_signed: bool | None  # the sender knows the channel's secret; None where the kind has none
    kind: Kind = "sentry_app"
    facts: tuple[tuple[str, str], ...] = ()  # label and text, as shown
    links: tuple[tuple[str, str], ...] = ()  # label and address, as shown
    raw: str = ""  # the message as it came
    acknowledged_at: datetime | None = None  # it was kept; the answer leaves right after

    @property
    def is_resolve(self) -> bool:
        return self.action == RESOLVED

    def tells(self, text: str) -> bool:
        """Is the text in what a person reads of it, links included?"""
        return any(text in part for part in (self.title, self.text, *(each[1] for each in (*self.facts, *self.links))))

    @property
    def is_drill(self) -> bool:
        """Does it say that it was made on purpose?"""
        return "[DRILL]" in self.title


@dataclass(frozen=True, slots=True)
class Message:
    """What came, before anybody read it."""

    received_at: datetime  # its first byte
    kind: Kind
    channel: str
    raw: str


def keep_page(file: Path, message: Message, reading: Reading, *, is_signed: bool | None) -> None:
    """Append a message as it was understood."""
    page = Page(
        message.received_at,
        message.channel,
        **asdict(reading),
        is_signed=is_signed,
        kind=message.kind,
        raw=message.raw,
        acknowledged_at=now(),
    )
    instants = {"received_at": message.received_at, "acknowledged_at": page.acknowledged_at}
    line = asdict(page) | {name: at.isoformat() for name, at in instants.items() if at}
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")


def read_pages(path: Path) -> Iterator[Page]:
    """Yield the pages so far; a line that is still being written is left for the next time."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                page = Page(**json.loads(line))
                yield replace(
                    page,
                    received_at=datetime.fromisoformat(str(page.received_at)),
                    acknowledged_at=datetime.fromisoformat(str(page.acknowledged_at)),
                    facts=_pairs(page.facts),
                    links=_pairs(page.links),
                )


def _pairs(found: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """JSON knows no tuples."""
    return tuple((label, text) for label, text in found)
