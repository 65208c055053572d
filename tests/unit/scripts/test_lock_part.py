"""The part of the lock that goes into the image: all that runs, nothing that only checks."""

import re
import subprocess
import sys
import tomllib

import pytest

from rehearsal.settings import ROOT
from scripts.lock_part import read_lock, select

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SMALL = """\
app-lib==1.0 \\
    --hash=sha256:aa
    # via demo (pyproject.toml)
deep[extra]==2.0 ; python_version < '3.13' \\
    --hash=sha256:bb
    # via
    #   app-lib
    #   linter
deep==2.1 ; python_version >= '3.13' \\
    --hash=sha256:cc
    # via app-lib
linter==3.0 \\
    --hash=sha256:dd
    # via demo (pyproject.toml:dev)
"""


def names(lock: str) -> list[str]:
    return re.findall(r"^([\w-]+)(?:\[\w+\])?==", lock, re.MULTILINE)


def test_what_the_project_needs_is_taken_with_all_that_it_needs() -> None:
    part = select(SMALL, "demo")
    assert names(part) == ["app-lib", "deep", "deep"]  # both markers of one package
    assert part.count("--hash") == 3


def test_a_package_is_taken_with_itself() -> None:
    assert names(select(SMALL, "linter")) == ["deep", "deep", "linter"]


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError, match="nothing in the lock is there for 'dmeo'"):
        select(SMALL, "dmeo")


def test_the_image_gets_every_declared_dependency_and_no_linter() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {re.split(r"[^\w-]", need)[0] for need in project["project"]["dependencies"]}
    part = set(names(select(LOCK, "sentry-rehearsal")))
    assert declared <= part
    assert {"mypy", "ruff", "hypothesis", "import-linter"} & part == set()
    assert "hatchling" in names(select(LOCK, "hatchling"))
    assert {*read_lock(LOCK)} >= part


def test_it_runs_without_any_package() -> None:
    script = str(ROOT / "scripts" / "lock_part.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, "sentry-rehearsal"], input=LOCK, capture_output=True, text=True, check=True
    )
    assert done.stdout == select(LOCK, "sentry-rehearsal")
