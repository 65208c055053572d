"""The one place where the engine reads the wall clock; everything else takes `now`."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time as the engine sees it."""

    def now(self) -> datetime:
        """Return the current instant, aware and in UTC."""

    async def sleep(self, span: timedelta) -> None:
        """Return once `span` has passed on this clock."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the clock

    async def sleep(self, span: timedelta) -> None:
        await asyncio.sleep(span.total_seconds())
