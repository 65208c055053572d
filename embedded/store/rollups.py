"""Requests summed up by time and by what they have in common, equal to the stored rows at every commit. SQL only.

Slots of a minute grow in the transaction that stores the rows. Once a minute is over, it is folded: added to the slots
of ten minutes and of an hour, and to those of all combinations together. From then on late requests grow all of these,
and the transaction that deletes rows shrinks them, so requests count in the minute in which they ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import apsw

from embedded.records import GOOD_STATUSES
from embedded.store.slots import COLUMNS, Slot

MINUTE_MS: Final = 60_000
LEVELS_MS: Final = (MINUTE_MS, 10 * MINUTE_MS, 60 * MINUTE_MS)  # lengths of slots, each a multiple of the one before
GRACE_MS: Final = 2 * MINUTE_MS  # how much later than a minute's end it is folded: by then most requests have arrived
ALL: Final = {False: 0, True: -1}  # failed or not -> the key of all such combinations together
_GOOD: Final = ", ".join(f"'{status}'" for status in GOOD_STATUSES)
FAILED_KEY: Final = f"k.status NOT IN ({_GOOD})"
Place = tuple[int, int, int, int]  # project, length, start, combination: the primary key
_HERE: Final = "WHERE project_id = ? AND length_ms = ? AND start_ms = ? AND key_id = ?"
_MARKS: Final = ",".join("?" * len(COLUMNS.split(",")))
_MINUTES: Final = (
    "request_rollup r JOIN request_key k ON k.id = r.key_id"
    f" WHERE r.project_id = ? AND r.length_ms = {MINUTE_MS} AND r.start_ms >= ? AND r.start_ms < ?"
)
# No input in any of them. An update leaves the indexes alone, where a replacement would write them again.
_SELECT: Final = f"SELECT {COLUMNS} FROM request_rollup {_HERE}"  # noqa: S608
_UPDATE: Final = f"UPDATE request_rollup SET ({COLUMNS}) = ({_MARKS}) {_HERE}"  # noqa: S608
_INSERT: Final = (
    f"INSERT INTO request_rollup ({COLUMNS}, project_id, length_ms, start_ms, key_id) VALUES ({_MARKS},?,?,?,?)"  # noqa: S608
)
_DELETE: Final = f"DELETE FROM request_rollup {_HERE}"  # noqa: S608
_FOLDED: Final = "SELECT until_ms FROM rollup_fold WHERE project_id = ?"
_LONGEST: Final = "SELECT min(least_ms), max(most_ms) FROM "


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
    """Count requests in, within the transaction that stores their rows, and fold the minutes that are over by them."""
    by_project: dict[int, list[Counted]] = defaultdict(list)
    for each in requests:
        by_project[each.project_id].append(each)
    for project_id, own in by_project.items():
        folded_ms = _folded(connection, project_id, min(each.ended_ms for each in own))
        added: dict[Place, list[Counted]] = defaultdict(list)
        for each in own:
            for place in _places(connection, each, folded_ms):
                added[place].append(each)
        for place, group in added.items():
            known = _read(connection, place)
            slot = known or Slot()
            for each in group:
                slot.add(each.duration_ms, each.weight, each.span_count)
            _write(connection, place, slot, is_new=known is None)
        _fold(connection, project_id, folded_ms, max(each.ended_ms for each in own) - GRACE_MS)


def take_requests(connection: apsw.Connection, requests: Iterable[Counted]) -> None:
    """Count requests out, within the transaction that has deleted their rows."""
    taken: dict[Place, list[Counted]] = defaultdict(list)
    for each in requests:
        for place in _places(connection, each, _folded(connection, each.project_id, each.ended_ms)):
            taken[place].append(each)
    for place in sorted(taken, key=lambda each: (each[1], -each[3])):  # the ends of a slot are those of its minutes
        slot = _read(connection, place)
        if slot is None:
            continue
        for each in taken[place]:
            slot.take(each.duration_ms, each.weight, each.span_count)
        if slot.samples > 0:
            slot.least_ms, slot.most_ms = _ends(connection, place) or (slot.least_ms, slot.most_ms)
            _write(connection, place, slot, is_new=False)
        else:
            connection.execute(_DELETE, place)


def folded_until(connection: apsw.Connection, project_id: int) -> int:
    """Up to which instant, in ms, slots of all lengths and of all combinations are there."""
    return connection.execute(_FOLDED, (project_id,)).get or 0


def _folded(connection: apsw.Connection, project_id: int, first_ms: int) -> int:
    """As `folded_until`; before the first request of a project there is nothing to fold."""
    found: int | None = connection.execute(_FOLDED, (project_id,)).get
    if found is None:
        found = _floor(first_ms, MINUTE_MS)
        connection.execute("INSERT INTO rollup_fold VALUES (?,?)", (project_id, found))
    return found


def _places(connection: apsw.Connection, request: Counted, folded_ms: int) -> Iterator[Place]:
    """Where a request counts."""
    yield request.project_id, MINUTE_MS, _floor(request.ended_ms, MINUTE_MS), request.key_id
    if request.ended_ms < folded_ms:
        failed = connection.execute(f"SELECT {FAILED_KEY} FROM request_key k WHERE id = ?", (request.key_id,)).get  # noqa: S608
        yield from _longer(request.project_id, request.ended_ms, request.key_id, is_failed=bool(failed))


def _longer(project_id: int, ended_ms: int, key_id: int, *, is_failed: bool) -> Iterator[Place]:
    """The slots that a minute is folded into."""
    for length_ms in LEVELS_MS:
        start_ms = _floor(ended_ms, length_ms)
        yield project_id, length_ms, start_ms, ALL[is_failed]
        if length_ms > MINUTE_MS:
            yield project_id, length_ms, start_ms, key_id


def _fold(connection: apsw.Connection, project_id: int, since_ms: int, until_ms: int) -> None:
    """Add whole minutes of [since, until) to what they are folded into."""
    until_ms = _floor(until_ms, MINUTE_MS)
    if until_ms <= since_ms:
        return
    added: dict[Place, Slot] = defaultdict(Slot)
    for start_ms, key_id, is_failed, *row in connection.execute(
        f"SELECT r.start_ms, r.key_id, {FAILED_KEY}, {COLUMNS} FROM {_MINUTES}",  # noqa: S608 - no input in it
        (project_id, since_ms, until_ms),
    ):
        slot = Slot.of(tuple(row))
        for place in _longer(project_id, start_ms, key_id, is_failed=bool(is_failed)):
            added[place].merge(slot)
    for place, slot in added.items():
        known = _read(connection, place)
        slot.merge(known or Slot())
        _write(connection, place, slot, is_new=known is None)
    connection.execute("UPDATE rollup_fold SET until_ms = ? WHERE project_id = ?", (until_ms, project_id))


def _read(connection: apsw.Connection, place: Place) -> Slot | None:
    row = connection.execute(_SELECT, place).fetchone()
    return Slot.of(row) if row else None


def _write(connection: apsw.Connection, place: Place, slot: Slot, *, is_new: bool) -> None:
    connection.execute(_INSERT if is_new else _UPDATE, (*slot.row(), *place))


def _ends(connection: apsw.Connection, place: Place) -> tuple[float, float] | None:
    """The shortest and the longest duration of what is left."""
    project_id, length_ms, start_ms, key_id = place
    span = (project_id, start_ms, min(start_ms + length_ms, folded_until(connection, project_id)))
    if key_id in ALL.values():
        row = connection.execute(f"{_LONGEST}{_MINUTES} AND {FAILED_KEY} = ?", (*span, key_id == ALL[True])).fetchone()
    elif length_ms > MINUTE_MS:
        row = connection.execute(f"{_LONGEST}{_MINUTES} AND r.key_id = ?", (*span, key_id)).fetchone()
    else:
        row = connection.execute(
            "SELECT min(duration_ms), max(duration_ms) FROM request_span"
            " WHERE project_id = ? AND ended_ms >= ? AND ended_ms < ? AND key_id = ?",
            (project_id, start_ms, start_ms + length_ms, key_id),
        ).fetchone()
    return row if row and row[0] is not None else None


def _floor(at_ms: int, length_ms: int) -> int:
    return at_ms - at_ms % length_ms
