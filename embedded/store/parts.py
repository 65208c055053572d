"""A span of whole minutes as slots of the rollups, the fewest that make it up; pure."""

from dataclasses import dataclass
from typing import Final

from embedded.store.rollups import ALL, LEVELS_MS, MINUTE_MS

LONGEST_MS: Final = LEVELS_MS[-1]
_SCOPE: Final = " WHERE r.project_id = ? AND r.length_ms = ? AND r.start_ms >= ? AND r.start_ms < ?"
_OF_KEYS: Final = f"request_rollup r JOIN request_key k ON k.id = r.key_id{_SCOPE}"
# Each as if it were of a key that says no more than whether requests failed.
_NAMED: Final = f"SELECT {ALL[False]} AS id, 'ok' AS status UNION ALL SELECT {ALL[True]}, 'internal_error'"
_OF_ALL: Final = f"request_rollup r JOIN ({_NAMED}) k ON k.id = r.key_id{_SCOPE}"


@dataclass(frozen=True, slots=True)
class Part:
    """The slots of one length that begin in [start, end) ms."""

    length_ms: int
    start: int
    end: int
    is_of_all: bool = False  # those of all combinations together

    @property
    def source(self) -> str:
        """What to select from, `r` the slots and `k` their keys, up to its first conditions; bound by `scope`."""
        return _OF_ALL if self.is_of_all else _OF_KEYS

    def scope(self, project_id: int) -> tuple[int, int, int, int]:
        return project_id, self.length_ms, self.start, self.end


def split(
    start: int, end: int, folded_ms: int, *, longest_ms: int = LONGEST_MS, is_of_all: bool = False
) -> tuple[Part, ...]:
    """Split [start, end), both whole minutes, into slots no longer than that.

    Minutes from `folded_ms` on are in no longer slots, and in none of all combinations.
    """
    middle = min(max(start, folded_ms), end)
    levels = tuple(each for each in reversed(LEVELS_MS) if each <= longest_ms)
    parts = (*_split(start, middle, levels, is_of_all=is_of_all), Part(MINUTE_MS, middle, end))
    return tuple(each for each in parts if each.start < each.end)


def _split(start: int, end: int, levels: tuple[int, ...], *, is_of_all: bool) -> tuple[Part, ...]:
    length, *shorter = levels
    first, last = -(-start // length) * length, end // length * length
    if not shorter:
        return (Part(length, start, end, is_of_all),)
    if first >= last:
        return _split(start, end, tuple(shorter), is_of_all=is_of_all)
    before = _split(start, first, tuple(shorter), is_of_all=is_of_all)
    after = _split(last, end, tuple(shorter), is_of_all=is_of_all)
    return (*before, Part(length, first, last, is_of_all), *after)
