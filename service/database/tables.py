"""The tables as they are now. `migrations/` leads there from any earlier state; a test compares the two."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import JSON, Column, DateTime, Dialect, Float, Index, MetaData, String, Table
from sqlalchemy.types import TypeDecorator

METADATA: Final = MetaData()


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC, also where the database, like SQLite, keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Convert to UTC; a naive instant is a bug of the caller's."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"found the naive instant {value}, allowed: an aware one")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


OUTCOMES: Final = Table(
    "outcomes",
    METADATA,
    Column("id", String(20), primary_key=True),
    Column("logged_at", UtcDateTime(), nullable=False),
    Column[str]("decision", String(100), nullable=False),
    Column[list[dict[str, Any]]]("options", JSON, nullable=False),  # as they were when it was decided
    Column("chosen", String(100), nullable=False),
    Column("forecast_mean", Float, nullable=False),  # of the chosen option
    Column("forecast_std", Float, nullable=False),
    Column("win_probability", Float),  # PLoT's; null if it did not answer
    Column("expected_regret", Float),
    Column("actual", Float),  # what came of it; null until somebody knows
    Column("observed_at", UtcDateTime()),
    Index("ix_outcomes_decision_logged_at", "decision", "logged_at"),
)
