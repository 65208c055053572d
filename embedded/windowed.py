"""A monitor's window -> the samples that its aggregate is computed from, out of rollups where they can tell.

Counts, sums, failures, the shortest and the longest are the same either way. Percentiles and apdex are exact for
windows of up to EXACT_SAMPLES requests; beyond that durations are known by bucket, within 1 % (decision 0014).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import apsw

from embedded.store.fields import DATASETS, SPANS
from embedded.store.request_keys import asked_of, can_answer
from embedded.store.summed import (
    FAILED,
    OK,
    Selection,
    Sum,
    read_edges,
    read_samples,
    read_slots,
    read_sums,
    select,
    snapshot,
)
from embedded.store.windows import Sample, Window, samples
from embedded.tally import Tally, gather
from monitors.model import Aggregate

# At so many requests a p95 is itself uncertain by 3 %: one standard error, durations lognormal with sigma 0.8.
EXACT_SAMPLES: Final = 3_000
ENDS: Final = ("min", "max", "p100")


@dataclass(frozen=True, slots=True)
class Windowed:
    """The samples of a window, or fewer that the aggregate cannot tell from them."""

    samples: list[Sample]
    stored: int  # on how many stored ones they stand


def window_samples(
    connection: apsw.Connection,
    window: Window,
    wanted: Aggregate,
    *,
    is_weighted: bool = True,
    keys: Sequence[int] | None = None,
) -> Windowed:
    """Return what the aggregate of a window is computed from; `keys` are combinations that it selects, None for all."""
    if keys is not None or is_summed(connection, window, wanted):
        with snapshot(connection):
            return _summed(connection, window, wanted, keys, is_weighted=is_weighted)
    label = wanted.argument if wanted.function == "count_unique" else None
    return _of_rows(samples(connection, window, label), is_weighted=is_weighted)


def is_summed(connection: apsw.Connection, window: Window, wanted: Aggregate, fields: Iterable[str] = ()) -> bool:
    """Whether rollups can answer, by the fields too; rows know tags, and what the combinations have lost."""
    is_counted = DATASETS[window.dataset] is SPANS and wanted.function != "count_unique"
    asked = asked_of(window.query, window.environment) | set(fields)
    return is_counted and can_answer(connection, window.project_id, asked)


def _summed(
    connection: apsw.Connection, window: Window, wanted: Aggregate, keys: Sequence[int] | None, *, is_weighted: bool
) -> Windowed:
    selection = select(connection, window, is_additive=wanted.function in ENDS, keys=keys)
    sums = read_sums(connection, selection)
    stored = sum(each.sign * each.samples for each in sums)
    if wanted.function in ENDS:
        return Windowed([Sample(each, None, 1.0) for one in sums for each in (one.least_ms, one.most_ms)], stored)
    if wanted.share is None and wanted.satisfied_ms is None:
        good, bad = (_one(sums, is_failed=is_failed, is_weighted=is_weighted) for is_failed in (False, True))
        return Windowed(good + bad, stored)
    if stored <= EXACT_SAMPLES:
        return _of_rows(read_samples(connection, selection, window), is_weighted=is_weighted)
    timed = _tally(connection, selection).timed()
    found = [Sample(duration_ms, None, weight if is_weighted else count) for duration_ms, weight, count in timed]
    return Windowed(found, stored)


def _one(sums: list[Sum], *, is_failed: bool, is_weighted: bool) -> list[Sample]:
    """The requests that failed, or those that did not, as one sample at their mean; none for none."""
    own = [each for each in sums if each.is_failed is is_failed]
    if not sum(each.sign * each.samples for each in own):
        return []
    weight = sum(each.sign * (each.weight if is_weighted else each.samples) for each in own)
    duration_ms = sum(each.sign * (each.weighted_ms if is_weighted else each.plain_ms) for each in own)
    return [Sample(duration_ms / weight, FAILED if is_failed else OK, weight)]


def _tally(connection: apsw.Connection, selection: Selection) -> Tally:
    slots = list(read_slots(connection, selection))
    [tally] = gather(slots).grouped([0] * len(slots), 1)
    for sign, rows in read_edges(connection, selection):
        tally.add_rows(rows, sign)
    return tally


def _of_rows(found: list[Sample], *, is_weighted: bool) -> Windowed:
    return Windowed(found if is_weighted else [replace(each, weight=1.0) for each in found], len(found))
