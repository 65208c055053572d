"""Files that are no Python, held to the linters of their kind: shell scripts, Dockerfiles, YAML."""

import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.settings import ROOT

BIN = Path(sys.executable).parent
SHEBANGS = (b"#!/bin/sh", b"#!/usr/bin/env bash")
OFF = "{document-start: disable, comments: disable, comments-indentation: disable, braces: disable"
YAML = f"{{extends: default, rules: {OFF}, line-length: {{max: 140}}}}}}"
NOT_OURS = {".git", ".venv", "var"}


def files() -> list[Path]:
    """All that is committed, near enough."""
    found = [path for path in ROOT.rglob("*") if not NOT_OURS & set(path.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file() and "node_modules" not in path.parts]


def scripts() -> list[Path]:
    return [path for path in files() if path.read_bytes().startswith(SHEBANGS)]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lint(*command: str) -> None:
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("path", scripts(), ids=name)
def test_shell_scripts(path: Path) -> None:
    lint("shellcheck", "--external-sources", "--source-path", "SCRIPTDIR", name(path))


@pytest.mark.parametrize("path", [path for path in files() if path.name == "Dockerfile"], ids=name)
def test_dockerfiles(path: Path) -> None:
    lint("hadolint", "--no-color", name(path))


def test_yaml() -> None:
    found = [name(path) for path in files() if path.suffix in (".yml", ".yaml")]
    assert len(found) > 10
    lint("yamllint", "--strict", "-d", YAML, *found)


def test_the_linters_find_what_is_wrong(tmp_path: Path) -> None:
    wrong = {"a.sh": "#!/bin/sh\nrm $1\n", "Dockerfile": "FROM debian\nRUN cd /x\n", "a.yml": "a: 1\na: 2\n"}
    for file, text in wrong.items():
        (tmp_path / file).write_text(text)
    for command in (("shellcheck", "a.sh"), ("hadolint", "Dockerfile"), ("yamllint", "-d", YAML, "a.yml")):
        done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode != 0, command
