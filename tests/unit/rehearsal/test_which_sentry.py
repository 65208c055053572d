"""Which Sentry is brought up: every combination of what was asked for and what is there."""

import pytest

from rehearsal.docker import DockerFacts, find_obstacle, parse_version
from rehearsal.errors import EnvironmentMissingError
from rehearsal.which_sentry import Sentry, choose

NO_DOCKER = "found no Docker engine (no docker command here), needed is one that this user may use"
EMBEDDED, SELF_HOSTED = Sentry.EMBEDDED, Sentry.SELF_HOSTED


LITTLE = "memory: found 4000 MB, needed 14000 MB"


@pytest.mark.parametrize(
    ("asked", "obstacle", "missing", "expected", "why"),
    [
        (None, None, None, (SELF_HOSTED, True), "nothing that Sentry needs is missing"),
        (None, NO_DOCKER, None, (EMBEDDED, False), "not self-hosted: found no Docker engine"),
        (None, None, LITTLE, (EMBEDDED, False), "not self-hosted: memory: found 4000 MB"),
        (EMBEDDED, None, None, (EMBEDDED, True), "as asked"),
        (EMBEDDED, NO_DOCKER, LITTLE, (EMBEDDED, False), "as processes: found no Docker engine"),
        (SELF_HOSTED, None, None, (SELF_HOSTED, True), "as asked"),
    ],
)
def test_the_choice_follows_what_was_asked_and_what_is_there(
    asked: Sentry | None, obstacle: str | None, missing: str | None, expected: tuple[Sentry, bool], why: str
) -> None:
    choice = choose(asked, obstacle, lambda: missing)
    assert (choice.sentry, choice.in_containers) == expected
    assert why in choice.why


@pytest.mark.parametrize(
    ("obstacle", "missing", "said"),
    [
        (NO_DOCKER, None, "found no Docker engine .*; without it: make up SENTRY=embedded"),
        (None, LITTLE, "memory: found 4000 MB, needed 14000 MB; without it: make up SENTRY=embedded"),
    ],
)
def test_self_hosted_that_cannot_be_had_is_no_silent_replacement(
    obstacle: str | None, missing: str | None, said: str
) -> None:
    with pytest.raises(EnvironmentMissingError, match=said):
        choose(SELF_HOSTED, obstacle, lambda: missing)


def test_the_machine_is_looked_at_only_where_it_matters() -> None:
    def look() -> str | None:
        raise AssertionError("nobody wanted to know")

    assert choose(EMBEDDED, None, look).sentry is EMBEDDED
    assert choose(None, NO_DOCKER, look).sentry is EMBEDDED


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (DockerFacts(said="Cannot connect"), "found no Docker engine (Cannot connect)"),
        (DockerFacts("26.1.5", "amd64"), "found no Docker Compose 2, needed is 2.24.0 or newer"),
        (DockerFacts("26.1.5", "amd64", "1.29.2", "0.13.1"), "found Docker Compose 1.29.2, needed is 2.24.0 or newer"),
        (DockerFacts("26.1.5", "amd64", "2.26.1"), "found no Docker buildx"),
        (DockerFacts("26.1.5", "amd64", "2.26.1-4", "0.13.1+ds1"), None),
    ],
)
def test_an_obstacle_says_what_was_found_and_what_is_needed(facts: DockerFacts, said: str | None) -> None:
    found = find_obstacle(facts)
    assert found is None if said is None else found is not None and said in found


@pytest.mark.parametrize(("text", "version"), [("v2.26.1-4", (2, 26, 1)), ("28.5", (28, 5)), ("", ()), ("dev", ())])
def test_versions_compare_by_number(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version
