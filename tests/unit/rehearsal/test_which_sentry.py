"""Which Sentry is brought up: every combination of what was asked for and what is there."""

import pytest

from rehearsal.docker import DockerFacts, find_obstacle, parse_version
from rehearsal.errors import EnvironmentMissingError
from rehearsal.which_sentry import Sentry, choose

NO_DOCKER = "found no Docker engine (no docker command here), needed is one that this user may use"
EMBEDDED, SELF_HOSTED = Sentry.EMBEDDED, Sentry.SELF_HOSTED


@pytest.mark.parametrize(
    ("asked", "obstacle", "is_installed", "expected", "why"),
    [
        (None, None, False, (EMBEDDED, False), "not installed; make sentry-install does it"),
        (None, NO_DOCKER, False, (EMBEDDED, False), "not installed"),
        (None, NO_DOCKER, True, (EMBEDDED, False), "installed but found no Docker engine"),
        (None, None, True, (SELF_HOSTED, True), "it is installed here, and Docker is reachable"),
        (EMBEDDED, None, True, (EMBEDDED, True), "as asked"),
        (EMBEDDED, NO_DOCKER, False, (EMBEDDED, False), "as processes: found no Docker engine"),
        (SELF_HOSTED, None, True, (SELF_HOSTED, True), "as asked"),
    ],
)
def test_the_choice_follows_what_was_asked_and_what_is_there(
    asked: Sentry | None, obstacle: str | None, is_installed: bool, expected: tuple[Sentry, bool], why: str
) -> None:
    choice = choose(asked, obstacle, is_installed=is_installed)
    assert (choice.sentry, choice.in_containers) == expected
    assert why in choice.why


@pytest.mark.parametrize(
    ("obstacle", "is_installed", "said"),
    [
        (NO_DOCKER, True, "found no Docker engine .*; without it: make up SENTRY=embedded"),
        (None, False, "found no self-hosted Sentry .*; next: make sentry-install"),
    ],
)
def test_self_hosted_that_cannot_be_had_is_no_silent_replacement(
    obstacle: str | None, is_installed: bool, said: str
) -> None:
    with pytest.raises(EnvironmentMissingError, match=said):
        choose(SELF_HOSTED, obstacle, is_installed=is_installed)


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
