"""Durations in buckets whose bounds grow by 2 %: what is said of a bucket is within 1 % of every duration in it; pure.

Source: Masson, Rim, Lee 2019, DDSketch, VLDB 12 (12): bucket i holds (g^(i-1), g^i], and 2 g^i / (g + 1) is at most
(g - 1) / (g + 1) away from any of it, relatively.
"""

import math
from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

GROWTH: Final = 1.02
RELATIVE_ERROR: Final = (GROWTH - 1) / (GROWTH + 1)  # 0.99 %
FINEST_MS: Final = 0.01  # all that is shorter shares bucket 0: an absolute error of at most this
LONGEST_MS: Final = 1e9  # 11 days; all that is longer shares the last bucket
_STEP: Final = math.log(GROWTH)
LAST: Final = math.ceil(math.log(LONGEST_MS / FINEST_MS) / _STEP)
BUCKETS: Final = LAST + 1
COUNT_TYPES: Final = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32))  # array's code, and what no longer fits


def bucket_of(duration_ms: float) -> int:
    """Return the bucket that holds a duration."""
    if duration_ms <= FINEST_MS:
        return 0
    return min(math.ceil(math.log(duration_ms / FINEST_MS) / _STEP), LAST)


def buckets_of(durations_ms: NDArray[np.float64]) -> NDArray[np.int64]:
    """As `bucket_of`, of many."""
    found = np.ceil(np.log(np.maximum(durations_ms, FINEST_MS) / FINEST_MS) / _STEP)
    return np.minimum(found, LAST).astype(np.int64)


def middle_of(bucket: int) -> float:
    """Return the duration in ms that stands for all of a bucket."""
    return FINEST_MS * 2 * GROWTH**bucket / (GROWTH + 1) if bucket else FINEST_MS / 2


MIDDLES: Final = tuple(middle_of(bucket) for bucket in range(BUCKETS))


def pack_counts(counts: Sequence[int]) -> bytes:
    """Write counts as their array's type code and its bytes, as narrow as they allow."""
    most = max(counts, default=0)
    code = next(code for code, bound in COUNT_TYPES if most < bound)
    return code.encode() + array(code, counts).tobytes()


def unpack_counts(packed: bytes) -> "array[int]":
    """Read what `pack_counts` wrote."""
    counts = array(chr(packed[0]))
    counts.frombytes(packed[1:])
    return counts
