"""What pages read of a period of whole minutes: sums by endpoint, slots over time, the slowest requests. SQL only."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import apsw

from embedded.store.parts import LONGEST_MS, Part, split
from embedded.store.rollups import FAILED_KEY, LEVELS_MS, folded_until
from embedded.store.slots import COLUMNS, Row

OTHERS: Final = "other names"  # what stands for names that the rollups have lost
Field = str
FIELDS: Final = {"name": "k.name", "release": "k.release"}  # what sums can be grouped by


@dataclass(frozen=True, slots=True)
class Period:
    """The requests of a project, or of one of its endpoints, that ended in [start, end) ms; both are whole minutes."""

    project_id: int
    start: int
    end: int
    name: str | None = None


@dataclass(slots=True)
class GroupSum:
    """What the requests of one group add up to; all but `samples` is of the requests that they stand for."""

    samples: int = 0  # stored
    weight: float = 0.0
    failed_weight: float = 0.0
    spans: float = 0.0  # the requests' own included
    duration_ms: float = 0.0


def sums_by(connection: apsw.Connection, period: Period, field: Field = "name") -> dict[str | None, GroupSum]:
    """The sums of a period by name or by release, the one with the most requests first."""
    groups: dict[str | None, GroupSum] = defaultdict(GroupSum)
    for part in _parts(connection, period):
        rows = connection.execute(
            f"SELECT {FIELDS[field]}, sum(samples), sum(weight), sum(weight * ({FAILED_KEY})), sum(spans),"  # noqa: S608 - names of ours
            f" sum(weighted_ms) FROM {part.source}{_named(period)} GROUP BY 1",
            (*part.scope(period.project_id), *_name(period)),
        )
        for value, samples, weight, failed_weight, spans, duration_ms in rows:
            group = groups[value]
            group.samples += samples
            group.weight += weight
            group.failed_weight += failed_weight
            group.spans += spans
            group.duration_ms += duration_ms
    return dict(sorted(groups.items(), key=lambda pair: (-pair[1].weight, str(pair[0]))))


def slots_by_name(connection: apsw.Connection, period: Period) -> Iterator[tuple[str | None, bool, Row]]:
    """Yield (name, is failed, slot) of every slot of the period."""
    for part in _parts(connection, period):
        rows = connection.execute(
            f"SELECT k.name, {FAILED_KEY}, {COLUMNS} FROM {part.source}",  # noqa: S608 - no input in it
            part.scope(period.project_id),
        )
        yield from ((row[0], bool(row[1]), row[2:]) for row in rows)


def slots_over_time(connection: apsw.Connection, period: Period, longest_ms: int) -> Iterator[tuple[int, bool, Row]]:
    """Yield (start in ms, is failed, slot) of every slot of the period, none longer than that."""
    for part in _parts(connection, period, longest_ms, is_of_all=period.name is None):
        rows = connection.execute(
            f"SELECT start_ms, {FAILED_KEY}, {COLUMNS} FROM {part.source}{_named(period)}",  # noqa: S608 - no input in it
            (*part.scope(period.project_id), *_name(period)),
        )
        yield from ((row[0], bool(row[1]), row[2:]) for row in rows)


def slowest_requests(connection: apsw.Connection, period: Period, limit: int) -> list[int]:
    """Return the rows of the slowest requests of a period, the slowest first.

    They lie in the slots with the longest durations: as many slots as requests are wanted hold them all.
    """
    folded_ms, spans = folded_until(connection, period.project_id), {(period.start, period.end)}
    for length_ms in reversed(LEVELS_MS):
        parts = [part for span in spans for part in split(*span, folded_ms, longest_ms=length_ms)]
        spans = _slowest_slots(connection, period, parts, limit)
    found: list[tuple[float, int]] = []
    for start, end in spans:
        found += connection.execute(
            "SELECT duration_ms, s.id FROM request_span s INDEXED BY request_span_window"  # noqa: S608 - no input in it
            " JOIN request_key k ON k.id = s.key_id WHERE s.project_id = ? AND s.ended_ms >= ? AND s.ended_ms < ?"
            f"{_named(period)} ORDER BY 1 DESC LIMIT ?",
            (period.project_id, start, end, *_name(period), limit),
        )
    return [ident for _, ident in sorted(found, reverse=True)[:limit]]


def _slowest_slots(connection: apsw.Connection, period: Period, parts: list[Part], limit: int) -> set[tuple[int, int]]:
    """The spans of time of the slots with the longest durations."""
    found: list[tuple[float, int, int]] = []
    for part in parts:
        found += connection.execute(
            f"SELECT max(most_ms), start_ms, start_ms + length_ms FROM {part.source}{_named(period)}"  # noqa: S608 - no input in it
            " GROUP BY start_ms ORDER BY 1 DESC LIMIT ?",
            (*part.scope(period.project_id), *_name(period), limit),
        )
    return {(start, end) for _, start, end in sorted(found, reverse=True)[:limit]}


def _named(period: Period) -> str:
    return "" if period.name is None else " AND k.name = ?"


def _name(period: Period) -> tuple[str, ...]:
    return () if period.name is None else (period.name,)


def _parts(
    connection: apsw.Connection, period: Period, longest_ms: int = LONGEST_MS, *, is_of_all: bool = False
) -> tuple[Part, ...]:
    folded_ms = folded_until(connection, period.project_id)
    return split(period.start, period.end, folded_ms, longest_ms=longest_ms, is_of_all=is_of_all)
