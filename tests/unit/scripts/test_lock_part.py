"""The part of the lock that goes into the image: all that runs, nothing that only checks."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from rehearsal.settings import ROOT
from scripts.lock_part import find_roots, read_lock, select

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
OPTIONAL_LOCK = (ROOT / "requirements-y0.lock").read_text(encoding="utf-8")
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
    part = select(SMALL, ["app-lib"])
    assert names(part) == ["app-lib", "deep", "deep"]  # both markers of one package
    assert part.count("--hash") == 3


def test_a_package_is_taken_with_itself() -> None:
    assert names(select(SMALL, ["linter"])) == ["deep", "deep", "linter"]


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError, match="not in the lock: dmeo"):
        select(SMALL, ["dmeo", "linter"])


def part(wanted: str) -> set[str]:
    return set(names(select(LOCK, find_roots(PROJECT, wanted))))


def test_an_extra_is_what_the_project_needs_besides() -> None:
    project = {"dependencies": ["App-lib[fast]>=1"], "optional-dependencies": {"more": ["deep; python_version > '3'"]}}
    assert find_roots(project, ".") == {"app-lib"}
    assert find_roots(project, ".[more]") == {"app-lib", "deep"}
    with pytest.raises(KeyError, match="less"):
        find_roots(project, ".[less]")


def test_each_image_gets_what_runs_in_it_and_no_linter() -> None:
    service, stack = part("."), part(".[rehearsal]")
    assert {"fastapi", "numpy", "sentry-sdk", "psycopg-binary", "uvloop"} <= service < stack
    assert {"locust", "apsw", "rich", "zstandard"} <= stack - service
    assert {"mypy", "ruff", "hypothesis", "import-linter", "scipy"} & stack == set()
    assert "hatchling" in part("hatchling")
    assert {*read_lock(LOCK)} >= stack


def test_the_service_imports_nothing_that_its_image_lacks() -> None:
    files = [*(ROOT / "service").rglob("*.py"), ROOT / "monitors" / "signals.py"]
    imported = {name for file in files for name in imports_of(file)} - sys.stdlib_module_names - {"service", "monitors"}
    owners = {module: {normal(each) for each in found} for module, found in packages_distributions().items()}
    assert len(imported) > 10
    assert {name for name in imported - {"y0"} if not owners[name] & part(".")} == set()
    # The optional second opinion: one module, which nothing of the service imports before it is asked for.
    assert [file.name for file in files if "y0" in imports_of(file)] == ["y0_answer.py"]


def test_the_optional_lock_is_all_of_y0_and_agrees_with_the_other_one() -> None:
    """Installed on top it changes nothing that is there, and nothing of it is in an image."""
    shared, alone = ({*names(OPTIONAL_LOCK)} & {*names(LOCK)}, {*names(OPTIONAL_LOCK)} - {*names(LOCK)})
    assert {"numpy", "networkx", "scipy"} <= shared
    assert {name: versions(OPTIONAL_LOCK, name) for name in shared} == {name: versions(LOCK, name) for name in shared}
    assert find_roots(PROJECT, ".[y0]") >= {"y0"}
    assert {"y0", "pandas", "scikit-learn", "statsmodels"} <= alone
    assert alone & part(".[rehearsal]") == set()


def versions(lock: str, name: str) -> set[str]:
    return set(re.findall(rf"^{re.escape(name)}(?:\[\w+\])?==(\S+)", lock, re.MULTILINE))


def imports_of(file: Path) -> set[str]:
    """Top-level packages that a module imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    partial = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in plain + partial}


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_it_runs_without_any_package() -> None:
    script = str(ROOT / "scripts" / "lock_part.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, "."], cwd=ROOT, input=LOCK, capture_output=True, text=True, check=True
    )
    assert done.stdout == select(LOCK, find_roots(PROJECT, "."))
