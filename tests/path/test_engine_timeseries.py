"""Aggregates over time: where each event falls, what an empty interval says, the largest groups and the others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.path.engine import ORGANIZATION, Engine, error, start_engine, transaction

PATH = f"{ORGANIZATION}/events-timeseries/"
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    project = engine.project()
    now = datetime.now(UTC)  # noqa: TID251 - the engine is a process with the machine's clock
    began, ended = (now - timedelta(minutes=ago) for ago in (31, 30))
    for name, count in (("/a", 3), ("/b", 2), ("/c", 1)):
        for number in range(count):
            project.send(("transaction", transaction(transaction=name, failed=number == 0, duration_ms=100)))
    old = transaction(transaction="/a", start_timestamp=began.isoformat(), timestamp=ended.isoformat())
    project.send(("transaction", old))
    project.send(("event", error()))
    yield engine
    engine.end()


def ask(engine: Engine, **query: Any) -> list[dict[str, Any]]:
    answer = engine.ask("GET", PATH, **{"dataset": "spans", "project": "isl", "statsPeriod": "1h"} | query)
    found: list[dict[str, Any]] = answer["timeSeries"]
    return found


def total(series: dict[str, Any]) -> float:
    return float(sum(each["value"] for each in series["values"]))


def test_every_event_is_in_one_interval(engine: Engine) -> None:
    [series] = ask(engine, interval=60)
    assert (series["yAxis"], series["meta"]["interval"]) == ("count()", MINUTE_MS)
    stamps = [each["timestamp"] for each in series["values"]]
    assert stamps == list(range(stamps[0], stamps[-1] + 1, MINUTE_MS))
    assert stamps[0] % MINUTE_MS == 0
    assert total(series) == 7
    assert [each["incomplete"] for each in series["values"]].index(True) == len(stamps) - 1


def test_an_interval_without_events_is_zero_and_values_have_units(engine: Engine) -> None:
    slow, failed = ask(engine, yAxis=["p95(span.duration)", "failure_rate()"], interval="5m")
    assert (slow["meta"]["valueType"], slow["meta"]["valueUnit"]) == ("duration", "millisecond")
    assert failed["meta"]["valueType"] == "percentage"
    assert max(each["value"] for each in slow["values"]) == pytest.approx(60_000, rel=0.01)
    assert min(each["value"] for each in failed["values"]) == 0


def test_largest_groups_come_first_and_the_rest_is_other(engine: Engine) -> None:
    first, second, other = ask(engine, topEvents=2, groupBy="transaction")
    assert [each["groupBy"] for each in (first, second, other)] == [
        [{"key": "transaction", "value": "/a"}],
        [{"key": "transaction", "value": "/b"}],
        [],
    ]
    assert [each["meta"]["isOther"] for each in (first, second, other)] == [False, False, True]
    assert list(map(total, (first, second, other))) == [4, 2, 1]
    assert len(ask(engine, topEvents=2, groupBy="transaction", excludeOther="1")) == 2


def test_each_value_has_the_earlier_one_beside_it(engine: Engine) -> None:
    """Half an hour before, there was one request: it stands beside the newest."""
    [series] = ask(engine, interval=60, comparisonDelta=1800, statsPeriod="10m")
    assert total(series) == 6
    assert sum(each["comparisonValue"] for each in series["values"]) == 1
    assert "comparisonValue" not in ask(engine)[0]["values"][0]
    longer = {each["timestamp"]: each["value"] for each in ask(engine, interval=60)[0]["values"]}
    assert all(
        each["comparisonValue"] == longer[each["timestamp"] - 30 * MINUTE_MS]
        for each in series["values"]
        if not each["incomplete"]
    )


def test_groups_are_compared_with_themselves(engine: Engine) -> None:
    query = {"topEvents": 1, "groupBy": "transaction", "comparisonDelta": 1800, "statsPeriod": "10m"}
    first, other = ask(engine, **query)
    assert [(total(each), sum(value["comparisonValue"] for value in each["values"])) for each in (first, other)] == [
        (3, 1),
        (3, 0),
    ]


def test_errors_are_counted_and_not_measured(engine: Engine) -> None:
    [series] = ask(engine, dataset="errors")
    assert total(series) == 1
    answer = engine.call("GET", PATH, dataset="errors", project="isl", yAxis="p95(span.duration)")
    assert (answer.status_code, list(answer.json())) == (400, ["field"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"dataset": "nonsense"}, "dataset"),
        ({"yAxis": "median()"}, "field"),
        ({"interval": 0}, "interval"),
        ({"comparisonDelta": 0}, "comparisonDelta"),
        ({"interval": "often"}, "interval"),
        ({"interval": 1}, "interval"),  # more values than anyone can draw
        ({"topEvents": 3}, "topEvents"),
        ({"groupBy": "transaction"}, "topEvents"),
        ({"statsPeriod": "1y"}, "statsPeriod"),
        ({"query": "a:"}, "query"),
    ],
)
def test_wrong_question_is_refused(engine: Engine, query: dict[str, Any], field: str) -> None:
    answer = engine.call("GET", PATH, **{"dataset": "spans", "project": "isl"} | query)
    assert (answer.status_code, list(answer.json())) == (400, [field])
