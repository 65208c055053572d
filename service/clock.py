"""The service's wall clock; everything else takes the instant as an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The current instant, aware and in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock
