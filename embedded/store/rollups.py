"""Requests summed up by time and by what they have in common, equal to the stored rows at every commit. SQL only.

Slots of a minute and of ten minutes grow in the transaction that stores the rows, and shrink in the one that deletes
them, so late requests count in the minute in which they ended.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import apsw

from embedded.store.slots import COLUMNS, Slot

MINUTE_MS: Final = 60_000
LEVELS_MS: Final = (MINUTE_MS, 10 * MINUTE_MS)  # lengths of slots, each a multiple of the one before
Place = tuple[int, int, int, int]  # project, length, start, combination: the primary key
_HERE: Final = "WHERE project_id = ? AND length_ms = ? AND start_ms = ? AND key_id = ?"
_MARKS: Final = ",".join("?" * len(COLUMNS.split(",")))
# No input in any of them. An update leaves the indexes alone, where a replacement would write them again.
_SELECT: Final = f"SELECT {COLUMNS} FROM request_rollup {_HERE}"  # noqa: S608
_UPDATE: Final = f"UPDATE request_rollup SET ({COLUMNS}) = ({_MARKS}) {_HERE}"  # noqa: S608
_INSERT: Final = (
    f"INSERT INTO request_rollup ({COLUMNS}, project_id, length_ms, start_ms, key_id) VALUES ({_MARKS},?,?,?,?)"  # noqa: S608
)
_DELETE: Final = f"DELETE FROM request_rollup {_HERE}"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Counted:
    """One stored request as slots see it."""

    project_id: int
    key_id: int  # of its combination, `request_keys`
    ended_ms: int
    duration_ms: float
    weight: float
    span_count: int


def add_requests(connection: apsw.Connection, requests: Iterable[Counted]) -> None:
    """Count requests in, within the transaction that stores their rows."""
    for place, group in _by_place(requests).items():
        known = _read(connection, place)
        slot = known or Slot()
        for each in group:
            slot.add(each.duration_ms, each.weight, each.span_count)
        connection.execute(_INSERT if known is None else _UPDATE, (*slot.row(), *place))


def take_requests(connection: apsw.Connection, requests: Iterable[Counted]) -> None:
    """Count requests out, within the transaction that has deleted their rows."""
    for place, group in _by_place(requests).items():
        slot = _read(connection, place)
        if slot is None:
            continue
        for each in group:
            slot.take(each.duration_ms, each.weight, each.span_count)
        if slot.samples > 0:
            slot.least_ms, slot.most_ms = _ends(connection, place) or (slot.least_ms, slot.most_ms)
            connection.execute(_UPDATE, (*slot.row(), *place))
        else:
            connection.execute(_DELETE, place)


def _by_place(requests: Iterable[Counted]) -> dict[Place, list[Counted]]:
    places: dict[Place, list[Counted]] = defaultdict(list)
    for each in requests:
        for length_ms in LEVELS_MS:
            start_ms = each.ended_ms - each.ended_ms % length_ms
            places[each.project_id, length_ms, start_ms, each.key_id].append(each)
    return places


def _read(connection: apsw.Connection, place: Place) -> Slot | None:
    row = connection.execute(_SELECT, place).fetchone()
    return Slot.of(row) if row else None


def _ends(connection: apsw.Connection, place: Place) -> tuple[float, float] | None:
    """The shortest and the longest duration of what is left."""
    project_id, length_ms, start_ms, key_id = place
    row = connection.execute(
        "SELECT min(duration_ms), max(duration_ms) FROM request_span"
        " WHERE project_id = ? AND ended_ms >= ? AND ended_ms < ? AND key_id = ?",
        (project_id, start_ms, start_ms + length_ms, key_id),
    ).fetchone()
    return row if row and row[0] is not None else None
