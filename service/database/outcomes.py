"""Outcomes in and out of their table: every statement is by key, or over a bounded number of the latest rows."""

from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import Row, Select, func, insert, select, update

from service.database.engine import Database
from service.database.tables import OUTCOMES
from service.outcomes import Counts, Forecast, Option, Outcome, Score

SUMMARY_LIMIT: Final = 1000  # decisions that a summary looks back on
FORECASTS_LIMIT: Final = 200  # of them, at most so many that are compared with what happened


def insert_outcome(database: Database, outcome: Outcome) -> None:
    """Keep a decision. Raises IslError as `Database.transaction` does, here and below."""
    score = outcome.score
    row = {
        "id": outcome.id,
        "logged_at": outcome.logged_at,
        "decision": outcome.decision,
        "options": [asdict(option) for option in outcome.options],
        "chosen": outcome.chosen.id,
        "forecast_mean": outcome.chosen.mean,
        "forecast_std": outcome.chosen.std,
        "win_probability": score.win_probability if score else None,
        "expected_regret": score.expected_regret if score else None,
        "actual": outcome.actual,
        "observed_at": outcome.observed_at,
    }
    with database.transaction() as connection:
        connection.execute(insert(OUTCOMES), row)


def find_outcome(database: Database, outcome_id: str) -> Outcome | None:
    """Return the decision of this id, if there is one."""
    with database.transaction() as connection:
        row = connection.execute(select(OUTCOMES).where(OUTCOMES.c.id == outcome_id)).one_or_none()
    return None if row is None else _to_outcome(row)


def record_actual(database: Database, outcome_id: str, actual: float, now: datetime) -> bool:
    """Write down what came of it; False if there is no such decision or something is written there already."""
    unknown = (OUTCOMES.c.id == outcome_id) & OUTCOMES.c.actual.is_(None)
    with database.transaction() as connection:
        done = connection.execute(update(OUTCOMES).where(unknown).values(actual=actual, observed_at=now))
    return done.rowcount == 1


def summarise(database: Database, decision: str) -> tuple[Counts, tuple[Forecast, ...]]:
    """Count the latest SUMMARY_LIMIT decisions of this kind, and list the latest of them that have a result."""
    latest = _select_latest(decision).subquery()
    counted = select(
        func.count(),
        func.count(latest.c.win_probability),
        func.count(latest.c.actual),
        func.avg(latest.c.win_probability),
        func.avg(latest.c.expected_regret),
    ).select_from(latest)
    observed = (
        select(latest.c.forecast_mean, latest.c.forecast_std, latest.c.actual)
        .where(latest.c.actual.is_not(None))
        .order_by(latest.c.logged_at.desc())
        .limit(FORECASTS_LIMIT)
    )
    with database.transaction() as connection:
        counts = Counts(*connection.execute(counted).one())
        forecasts = tuple(Forecast(*row) for row in connection.execute(observed))
    return counts, forecasts


def _select_latest(decision: str) -> "Select[tuple[object, ...]]":
    return (select(OUTCOMES).where(OUTCOMES.c.decision == decision).order_by(OUTCOMES.c.logged_at.desc())).limit(
        SUMMARY_LIMIT
    )


def _to_outcome(row: "Row[tuple[object, ...]]") -> Outcome:
    options = tuple(Option(**fields) for fields in row.options)
    has_score = row.win_probability is not None
    return Outcome(
        id=row.id,
        logged_at=row.logged_at,
        decision=row.decision,
        options=options,
        chosen=next(option for option in options if option.id == row.chosen),
        score=Score(row.win_probability, row.expected_regret) if has_score else None,
        actual=row.actual,
        observed_at=row.observed_at,
    )
