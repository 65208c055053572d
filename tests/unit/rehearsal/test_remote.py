"""Which Sentry a rehearsal finds, where nobody names one: the installed one, if a rehearsal can hold on it."""

from pathlib import Path

import pytest

from rehearsal.engines.remote import Site, find_site
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.self_hosted.state import LAST_STEP, START, Installation, keep, token_file


def install(var: Path, profile: str) -> None:
    keep(var, Installation("26.8.0", profile, "127.0.0.1:9000", done=(START, LAST_STEP)))
    token_file(var).write_text("sntryu_x\n")


def test_the_installed_one_is_taken_with_its_token(tmp_path: Path) -> None:
    install(tmp_path, "feature-complete")
    found = find_site({}, tmp_path, "127.0.0.1")
    assert found == Site("self-hosted Sentry 26.8.0", "http://127.0.0.1:9000", "sntryu_x", "sentry", "127.0.0.1")


def test_one_that_is_stopped_is_to_be_started(tmp_path: Path) -> None:
    install(tmp_path, "feature-complete")
    with pytest.raises(EnvironmentMissingError, match="next: make up SENTRY=self-hosted"):
        find_site({}, tmp_path, None)


def test_one_whose_monitors_never_page_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "errors-only")
    with pytest.raises(UsageError, match="install the profile feature-complete"):
        find_site({}, tmp_path, None)


def test_a_named_one_goes_before_the_installed_one(tmp_path: Path) -> None:
    install(tmp_path, "errors-only")
    environ = {"SENTRY_URL": "http://localhost:9000/", "SENTRY_AUTH_TOKEN": "t", "SENTRY_ORG": "acme"}
    assert find_site(environ, tmp_path, None) == Site(
        "Sentry at http://localhost:9000", "http://localhost:9000", "t", "acme", "127.0.0.1"
    )
