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

    @property
    def is_resolve(self) -> bool:
        return self.action == RESOLVED

    @property
    def is_drill(self) -> bool:
        """Does it say that it was made on purpose?"""
        return "[DRILL]" in self.title


def keep_page(file: Path, kind: Kind, channel: str, reading: Reading, raw: str, *, is_signed: bool | None) -> None:
    """Append a message that has just come."""
    page = Page(now(), channel, **asdict(reading), is_signed=is_signed, kind=kind, raw=raw)
    line = asdict(page) | {"received_at": page.received_at.isoformat()}
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
                    facts=_pairs(page.facts),
                    links=_pairs(page.links),
                )


def _pairs(found: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """JSON knows no tuples."""
    return tuple((label, text) for label, text in found)
