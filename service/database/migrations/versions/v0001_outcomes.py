"""Decisions with their forecasts, and what came of them. Migrations lead forward only: back is a restored backup."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table. Its types are spelt out: a migration must not change when the code does."""
    op.create_table(
        "outcomes",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("logged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(100), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.String(100), nullable=False),
        sa.Column("forecast_mean", sa.Float(), nullable=False),
        sa.Column("forecast_std", sa.Float(), nullable=False),
        sa.Column("win_probability", sa.Float()),
        sa.Column("expected_regret", sa.Float()),
        sa.Column("actual", sa.Float()),
        sa.Column("observed_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_outcomes_decision_logged_at", "outcomes", ["decision", "logged_at"])
