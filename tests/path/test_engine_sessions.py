"""Sessions through the web API: every request counts once, by how it ended, whatever was sampled."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.path.engine import ORGANIZATION, Engine, Project, start_engine

PATH = f"{ORGANIZATION}/sessions/"
FIELD = "sum(session)"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    send(engine.project(), "isl@1", "staging", 0, exited=5, errored=2, crashed=1)
    send(engine.project(), "isl@1", "staging", 0, exited=4)  # the same minute, of another worker
    send(engine.project(), "isl@2", "production", 61, exited=3)
    yield engine
    engine.end()


def send(project: Project, release: str, environment: str, minutes_ago: int, **ends: int) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - the engine is a process with the machine's clock
    started = (now - timedelta(minutes=minutes_ago)).isoformat()
    attributes = {"release": release, "environment": environment}
    project.send(("sessions", {"attrs": attributes, "aggregates": [{"started": started, **ends}]}))


def ask(engine: Engine, *group_by: str, **query: Any) -> dict[tuple[str, ...], int]:
    """Totals by the values of what is grouped by; those of zero left out."""
    answer = engine.ask("GET", PATH, field=FIELD, groupBy=list(group_by), **query)
    assert all(len(group["series"][FIELD]) == len(answer["intervals"]) for group in answer["groups"])
    assert all(sum(group["series"][FIELD]) == group["totals"][FIELD] for group in answer["groups"])
    totals = {tuple(str(group["by"][key]) for key in group_by): group["totals"][FIELD] for group in answer["groups"]}
    return {key: total for key, total in totals.items() if total}


@pytest.mark.parametrize(
    ("groups", "query", "expected"),
    [
        ([], {}, {(): 15}),
        (["session.status"], {}, {("healthy",): 12, ("errored",): 2, ("crashed",): 1}),
        (["release"], {}, {("isl@1",): 12, ("isl@2",): 3}),
        (["environment", "session.status"], {"environment": "production"}, {("production", "healthy"): 3}),
        ([], {"statsPeriod": "1h"}, {(): 12}),
        ([], {"project": "99"}, {}),
    ],
)
def test_sessions_are_summed_as_asked(
    engine: Engine, groups: list[str], query: dict[str, Any], expected: dict[tuple[str, ...], int]
) -> None:
    assert ask(engine, *groups, **query) == expected
