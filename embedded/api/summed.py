"""Aggregates over more requests than are read one by one: out of the rollups, where these hold what is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from embedded.store.request_keys import keys_by
from embedded.store.windows import Window
from embedded.windowed import is_summed, window_samples
from monitors.model import Aggregate

MAX_ROWS: Final = 100_000  # read one by one for an answer, so that it is exact; more is summed up or refused, never cut
COUNT: Final = Aggregate("count", None)


@dataclass(frozen=True, slots=True)
class Group:
    """The requests of a window that have the values of some fields in common."""

    values: tuple[Any, ...]
    keys: Sequence[int] | None  # their combinations, None for all that the window selects
    stored: int  # of the window


def groups_of(
    reader: apsw.Connection, window: Window, fields: Sequence[str], wanted: Iterable[Aggregate]
) -> list[Group] | None:
    """Return the groups by fields whose aggregates are to be computed out of the rollups, the largest first.

    None where the rows are few enough to be read, or the rollups do not hold what is asked for.
    """
    if not all(is_summed(reader, window, each, fields) for each in wanted):
        return None
    stored = window_samples(reader, window, COUNT).stored
    if stored <= MAX_ROWS:
        return None
    if not fields:
        return [Group((), None, stored)]
    found = keys_by(reader, window.project_id, window.query, window.environment, fields)
    groups = [Group(each, own, window_samples(reader, window, COUNT, keys=own).stored) for each, own in found.items()]
    return sorted(groups, key=lambda each: (-each.stored, str(each.values)))
