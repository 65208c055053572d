"""A measured service stays the same for a minute, and is then measured anew."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from embedded.pages.frame import Scope
from embedded.store.database import Database
from embedded.store.projects import list_projects
from rehearsal.console.measured import MIN_STORED
from rehearsal.console.snapshots import FRESH, Snapshots
from tests.unit.embedded.fakes import NOW, opened
from tests.unit.embedded.test_windowed import fill


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


def scope_of(database: Database) -> Scope:
    [project] = list_projects(database.read())
    return Scope(project, (project,), "6h", NOW + timedelta(milliseconds=1), speed=1.0)


def test_too_few_are_counted_anew_and_a_service_is_kept(database: Database) -> None:
    snapshots, scope = Snapshots(), scope_of(database)
    assert snapshots.of(database.read(), scope) == (0, None)
    fill(database, 5, MIN_STORED)
    stored, measured = snapshots.of(database.read(), scope)
    assert measured is not None
    assert measured.stored == stored >= MIN_STORED
    assert sum(each.share for each in measured.endpoints) == pytest.approx(1)
    fill(database, 6, MIN_STORED)
    assert snapshots.of(database.read(), scope) == (stored, measured)
    later = replace(scope, now=scope.now + FRESH)
    assert snapshots.of(database.read(), later)[0] > stored
