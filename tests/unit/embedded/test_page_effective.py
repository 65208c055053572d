"""Effective rates: what was sent just now lowers nobody's rate, for it may be on its way."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from embedded.pages.effective import ARRIVING, Effective, began, effective_rates
from embedded.pages.frame import Scope
from embedded.pages.load import load_of
from embedded.store.projects import list_projects
from embedded.store.traffic import newest_requests
from tests.unit.embedded.fakes import NOW, opened
from tests.unit.embedded.test_windowed import fill

SECOND = timedelta(seconds=1)
LATE = 1_000  # requests that were sent in the last seconds, of which nothing arrived
HOUR = timedelta(hours=1)

Sent = Callable[[datetime, datetime], Mapping[str, int]]


def sender(times: list[tuple[str, datetime]]) -> Sent:
    """What a ledger of these requests would say."""
    return lambda since, until: Counter(name for name, at in times if since <= at < until)


def test_what_was_sent_just_now_lowers_no_rate(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database, 5, 1_500)
        reader, [project] = database.read(), list_projects(database.read())
        scope = Scope(project, (project,), "15m", NOW + SECOND, speed=1.0)
        stored = newest_requests(reader, project.id, NOW - HOUR, NOW + SECOND, 10_000)
        sent = [(each.name, began(each)) for each in stored]
        load = load_of(reader, scope)
        late = [("b", NOW - SECOND)] * LATE + [("new", NOW)] * LATE
        found = effective_rates(reader, scope, load, sender(sent + late))
    assert {name: rates.rate for name, rates in found.items()} == pytest.approx(
        dict.fromkeys(load.names, 1.0), abs=0.02
    )


def test_a_rate_is_low_where_settled_requests_did_not_arrive() -> None:
    assert Effective(arrived=30, sent=120).rate == 0.25
    assert Effective(arrived=130, sent=120).rate == 1.0  # the edges of the two counts differ by a request or so
    assert Effective(arrived=0, sent=0).rate is None
    assert ARRIVING >= 5 * SECOND  # what the SDK waits before it sends a batch
