"""Did a planted secret get anywhere? One finding per place, and one that says whether the search proves anything."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from embedded.tap import TapFullError
from rehearsal.privacy.places import logged, notified, sent, stored
from rehearsal.privacy.search import Document, Hit, Search
from rehearsal.privacy.secret import Planted
from rehearsal.stack import Stack
from rehearsal.verdict import Finding, Status

SHOWN: Final = 8  # hits that a finding names
MEGABYTE: Final = 1_000_000


def judge_planted(planted: Planted, stack: Stack) -> tuple[Finding, ...]:
    """Search every place that telemetry gets to; the service and whatever follows it must be at rest."""
    search = Search(planted.mark, planted.secrets)
    engine = stack.folder / "engine"  # the embedded one's data: `disturbance.NEEDS_OWN_ENGINE`
    tap = engine / "tap"
    places: tuple[tuple[str, Callable[[], Iterable[Document]]], ...] = (
        ("left the service for Sentry", lambda: sent(tap)),
        ("was stored", lambda: stored(engine)),
        ("was in a notification", lambda: notified(stack.pages)),
        ("got into the service's log", lambda: logged(stack.logs)),
    )
    found = [_judge_place(place, search, documents) for place, documents in places]
    return (_judge_presence(planted, tap.read_bytes()), *found)


def _judge_presence(planted: Planted, tap: bytes) -> Finding:
    what = "telemetry of the requests with secrets reached Sentry, so there was something to search"
    seen = sum(request_id.encode() in tap for request_id in planted.request_ids)
    said = f"{seen} of {len(planted.request_ids)} requests, which carried {len(planted.secrets)} secrets"
    return Finding(Status.HELD if seen else Status.FAILED, what, said)


def _judge_place(place: str, search: Search, documents: Callable[[], Iterable[Document]]) -> Finding:
    what = f"no planted secret {place}"
    try:
        counted = _Counted(documents())
        hits = [hit for document in counted for hit in search.find(document)]
    except TapFullError as error:
        return Finding(Status.FAILED, what, str(error))
    if hits:
        return Finding(Status.FAILED, what, _describe(hits))
    return Finding(Status.HELD, what, f"none in {_show_size(counted.size_bytes)}, in any encoding")


def _show_size(size_bytes: int) -> str:
    """In MB, or in kB where that would be 0.0: nothing at all would be no search."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= MEGABYTE else f"{size_bytes / 1e3:.1f} kB"


class _Counted:
    """Documents, and how many bytes they were."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = documents
        self.size_bytes = 0

    def __iter__(self) -> Iterator[Document]:
        for document in self._documents:
            self.size_bytes += len(document.content)
            yield document


def _describe(hits: list[Hit]) -> str:
    said = list(dict.fromkeys(map(str, hits)))
    more = f"; and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return "; ".join(said[:SHOWN]) + more
