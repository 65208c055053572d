"""Reading rollups: a window is whole slots, the longest that fit, and rows where it begins or ends within a minute.

Where less of an edge's minute lies outside the window than inside, the whole minute is read and that part taken off.
All reads of a window see one state of the store. SQL only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import apsw

from embedded.store.parts import Part, split
from embedded.store.request_keys import asked_of, columns_of, condition
from embedded.store.rollups import FAILED_KEY, MINUTE_MS, folded_until
from embedded.store.slots import COLUMNS, Row
from embedded.store.times import to_ms
from embedded.store.windows import Sample, Window

OK, FAILED = "ok", "internal_error"  # of a sample of which no more is known
ROWS: Final = (
    "request_span s INDEXED BY request_span_window JOIN request_key k ON k.id = s.key_id"
    " WHERE s.project_id = ? AND s.ended_ms >= ? AND s.ended_ms < ?"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of time in ms, to be added or taken off."""

    start: int
    end: int
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read of a window."""

    first: int  # whole minutes, in ms
    last: int
    edges: tuple[Span, ...]  # of rows


@dataclass(frozen=True, slots=True)
class Sum:
    """What a group of requests adds up to, durations by bucket apart."""

    is_failed: bool
    sign: int
    samples: int
    weight: float
    weighted_ms: float
    plain_ms: float
    least_ms: float
    most_ms: float


def plan(since_ms: int, until_ms: int, newest_ms: int, *, is_additive: bool) -> Plan:
    """Split a window; after `newest_ms` nothing is stored. An additive plan takes nothing off."""
    first, last = -(-since_ms // MINUTE_MS) * MINUTE_MS, until_ms // MINUTE_MS * MINUTE_MS
    if first > last:
        return Plan(first, first, (Span(since_ms, until_ms),))
    edges: list[Span] = []
    if 2 * (first - since_ms) > MINUTE_MS and not is_additive:
        first -= MINUTE_MS
        edges.append(Span(first, since_ms, -1))
    else:
        edges.append(Span(since_ms, first))
    beyond = max(min(last + MINUTE_MS, newest_ms + 1) - until_ms, 0)
    if beyond < until_ms - last and not is_additive:
        last += MINUTE_MS
        edges.append(Span(until_ms, until_ms + beyond, -1))
    else:
        edges.append(Span(last, until_ms))
    return Plan(first, last, tuple(each for each in edges if each.start < each.end))


@contextmanager
def snapshot(connection: apsw.Connection) -> Iterator[None]:
    """Let all reads within see the same state, whatever is committed meanwhile."""
    with connection:  # a savepoint
        yield


@dataclass(frozen=True, slots=True)
class Selection:
    """Which slots and which rows make up a window."""

    project_id: int
    clause: str  # on the combinations, `k`
    parameters: tuple[Any, ...]
    slots: tuple[Part, ...]
    edges: tuple[Span, ...]


def select(
    connection: apsw.Connection, window: Window, *, is_additive: bool = False, keys: Sequence[int] | None = None
) -> Selection:
    """Say what to read of a window of requests for which `can_answer` holds; `keys` are some that it selects."""
    clause, parameters = condition(window.query, window.environment)
    if keys is not None:
        clause, parameters = f"k.id IN ({','.join(map(str, keys))})", ()
    newest_ms: int | None = connection.execute(
        "SELECT max(ended_ms) FROM request_span WHERE project_id = ?", (window.project_id,)
    ).get
    planned = plan(to_ms(window.since), to_ms(window.until), newest_ms or 0, is_additive=is_additive)
    is_of_all = keys is None and not columns_of(asked_of(window.query, window.environment))
    folded_ms = folded_until(connection, window.project_id)
    slots = split(planned.first, planned.last, folded_ms, is_of_all=is_of_all)
    return Selection(window.project_id, clause, parameters, slots, planned.edges)


def read_sums(connection: apsw.Connection, selection: Selection) -> list[Sum]:
    """Return what to add and to take off, failed requests and others apart."""
    found: list[Sum] = []
    for part in selection.slots:
        rows = connection.execute(
            f"SELECT {FAILED_KEY}, 1, sum(samples), sum(weight), sum(weighted_ms), sum(plain_ms), min(least_ms),"  # noqa: S608 - as below
            f" max(most_ms) FROM {part.source} AND {selection.clause} GROUP BY 1",
            (*part.scope(selection.project_id), *selection.parameters),
        )
        found += [Sum(bool(row[0]), *row[1:]) for row in rows]
    for span in selection.edges:
        rows = connection.execute(
            f"SELECT {FAILED_KEY}, ?, count(*), sum(weight), sum(weight * duration_ms), sum(duration_ms),"  # noqa: S608 - as below
            f" min(duration_ms), max(duration_ms) FROM {ROWS} AND {selection.clause} GROUP BY 1",
            (span.sign, selection.project_id, span.start, span.end, *selection.parameters),
        )
        found += [Sum(bool(row[0]), *row[1:]) for row in rows]
    return found


def read_slots(connection: apsw.Connection, selection: Selection) -> Iterator[tuple[bool, Row]]:
    """Yield (is failed, slot) of the window's whole slots."""
    for part in selection.slots:
        rows = connection.execute(
            f"SELECT {FAILED_KEY}, {COLUMNS} FROM {part.source} AND {selection.clause}",  # noqa: S608 - no input in it
            (*part.scope(selection.project_id), *selection.parameters),
        )
        yield from ((bool(row[0]), row[1:]) for row in rows)


def read_edges(
    connection: apsw.Connection, selection: Selection
) -> Iterator[tuple[int, list[tuple[bool, float, float]]]]:
    """Yield (sign, (is failed, duration in ms, weight) of each request) of the window's edges."""
    for span in selection.edges:
        rows = _read_rows(connection, selection, span)
        yield span.sign, [(bool(failed), duration_ms, weight) for failed, duration_ms, weight in rows]


def read_samples(connection: apsw.Connection, selection: Selection, window: Window) -> list[Sample]:
    """Return every request of the window, through the index that holds all of it."""
    rows = _read_rows(connection, selection, Span(to_ms(window.since), to_ms(window.until)))
    return [Sample(duration_ms, FAILED if failed else OK, weight) for failed, duration_ms, weight in rows]


def _read_rows(connection: apsw.Connection, selection: Selection, span: Span) -> apsw.Cursor:
    return connection.execute(
        f"SELECT {FAILED_KEY}, duration_ms, weight FROM {ROWS} AND {selection.clause}",  # noqa: S608 - no input in it
        (selection.project_id, span.start, span.end, *selection.parameters),
    )
