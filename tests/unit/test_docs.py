"""The documents are true: commands are Make targets, `.env.example` equals the settings, the lock names no host."""

import re
import subprocess

import pytest

from embedded.settings import PREFIX, load_settings
from embedded.settings import Settings as EngineSettings
from rehearsal.settings import ROOT
from service.catalogue import render_catalogue
from service.fault_registry import FAULTS
from service.settings import DEFAULT_PROFILES_SAMPLE_RATES, DEFAULT_TRACES_SAMPLE_RATES
from service.settings import Settings as ServiceSettings
from service.settings import load_settings as load_service_settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
EXAMPLE = dict(
    line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")
)


def test_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 150


def test_readme_commands_are_make_targets() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_readme_and_documents_link_to_files_that_exist() -> None:
    for document in (ROOT / "README.md", ROOT / "sentry-self-hosted" / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_paths_named_in_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:embedded|service|rehearsal|loadtest|monitors)/[\w./]*)`", text))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_env_example_lists_every_variable_of_service_and_engine() -> None:
    service = {name.upper() for name in ServiceSettings.model_fields}
    engine = {PREFIX + name.upper() for name in EngineSettings.model_fields}
    listed = {name for name in EXAMPLE if not name.startswith(("REHEARSE_", "LOAD_", "STACK_"))}
    assert listed == service | engine


def test_env_example_lists_every_variable_of_the_compose_files_with_its_default() -> None:
    given: dict[str, set[str]] = {}
    for file in ROOT.glob("docker-compose*.yml"):
        for name, default in re.findall(r"\$\{(STACK_\w+):-((?:[^{}]|\{[^}]*\})*)\}", file.read_text(encoding="utf-8")):
            given.setdefault(name, set()).add(default)
    given["STACK_TOKEN_FILE"] = {""}  # by default derived from STACK_VAR
    assert given == {name: {value} for name, value in EXAMPLE.items() if name.startswith("STACK_")}


def test_the_image_is_built_from_the_default_base() -> None:
    assert f"ARG BASE_IMAGE={EXAMPLE['STACK_BASE_IMAGE']}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_env_example_holds_the_defaults() -> None:
    assert load_service_settings(EXAMPLE) == load_service_settings({})
    assert load_settings(EXAMPLE) == load_settings({})


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-y0.lock"])
@pytest.mark.parametrize("pattern", [r"://", r"--index-url", r"--find-links"])
def test_the_locks_name_no_registry(lock: str, pattern: str) -> None:
    assert not re.search(pattern, (ROOT / lock).read_text())


def test_no_other_lock_is_tracked() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not {"uv.lock", "pylock.toml"} & set(tracked)


def test_the_corrected_guide_names_code_and_tests_that_exist() -> None:
    """A test that is renamed, or a file that moves, takes its mention along."""
    guide = (ROOT / "docs" / "sentry.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:service|monitors|tests)/[\w./]+)`", guide))
    tests = set(re.findall(r"`(test_\w+)`", guide))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(paths) > 20
    assert len(tests) > 20
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    assert [name for name in sorted(tests) if f"def {name}(" not in sources] == []


def test_the_corrected_guide_lists_every_variable_of_sentry_and_every_fault() -> None:
    guide = (ROOT / "docs" / "sentry.md").read_text(encoding="utf-8")
    variables = {name.upper() for name in ServiceSettings.model_fields if name.startswith("sentry_")}
    assert [name for name in sorted(variables | set(FAULTS)) if f"| `{name}` |" not in guide] == []


def test_the_guide_s_rates_are_the_defaults() -> None:
    guide = (ROOT / "docs" / "sentry.md").read_text(encoding="utf-8")
    for environment, traces in DEFAULT_TRACES_SAMPLE_RATES.items():
        assert f"| {environment} | {traces} | {DEFAULT_PROFILES_SAMPLE_RATES[environment]} |" in guide


def test_the_page_of_errors_is_the_catalogue() -> None:
    """`python -m service.catalogue > docs/errors.md` writes it again."""
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == render_catalogue()
