"""What of an answer says how long to hold back, as far as the SDK can read it.

The SDK's readers raise for what is no number of seconds, no date or too far away, and then nothing is held back, and
nothing is counted. What they cannot read is left out here, and a 429 that says nothing means their 60 s.
Source: https://develop.sentry.dev/sdk/expected-features/rate-limiting/, read 2026-11; RFC 9110 section 10.2.3.
"""

import re
from typing import Final

from urllib3 import Retry
from urllib3.exceptions import InvalidHeader

LIMITS: Final = "x-sentry-rate-limits"
PAUSE: Final = "Retry-After"
_LIMIT: Final = re.compile(r"\s*0{0,9}[1-9][0-9]{0,8}:")  # more seconds are no instant that Python knows
_RETRY: Final = Retry()  # the SDK's reader of a pause


def read_limits(name: str, value: str | None) -> str | None:
    """Return what the SDK can read of a header of an answer: None where that is nothing, all of any other header."""
    if value is not None and name == LIMITS:
        return ",".join(each for each in value.split(",") if _LIMIT.match(each)) or None
    if value is None or name != PAUSE:
        return value
    try:
        _RETRY.parse_retry_after(value)
    except (InvalidHeader, ValueError, OverflowError):
        return None
    return value
