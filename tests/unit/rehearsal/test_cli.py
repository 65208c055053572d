"""The command line: usage errors end with 2 and say where, before anything is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.settings import ROOT

REHEARSE = Path(sys.executable).parent / "rehearse"


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [str(REHEARSE), *arguments]
    environment = os.environ | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_help_tells_the_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "0 everything held, 1 an expectation failed, 2 usage or configuration" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--speed", "0"), "speed 0: allowed are 1 to 120"),
        (("run", "--traffic", "lots"), "write for example 1M/month"),
        (("run", "--only", "nope"), "no drill named nope; there are bad-deploy, database-away"),
        (("run", "--rules", "/nonexistent"), "does not exist"),
        (("run", "--webhook-url", "127.0.0.1"), "allowed are http and https addresses"),
        (("frobnicate",), "No such command"),
    ],
)
def test_usage_errors_end_with_2_and_a_remedy(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    extra = ("--var", str(tmp_path)) if arguments[0] == "run" else ()
    done = run(*arguments, *extra)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SENTRY_URL", "sentry.example", "allowed is an http or https address"),
        ("SENTRY_AUTH_TOKEN", "t\u00f6ken", "it holds characters that no token has"),
        ("SENTRY_ORG", "../admin", "allowed are letters, digits, - and _"),
        ("SENTRY_PROJECT", "a b", "allowed are letters, digits, - and _"),
    ],
)
def test_what_names_no_sentry_ends_with_2(variable: str, value: str, said: str) -> None:
    named = {"SENTRY_URL": "http://127.0.0.1:1", "SENTRY_AUTH_TOKEN": "t", "SENTRY_ORG": "o", "SENTRY_PROJECT": "p"}
    done = run("monitors", "plan", **named | {variable: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
    assert "t\u00f6ken" not in done.stderr


def test_a_wrong_rule_ends_with_2_and_its_line(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    text = (ROOT / "monitors" / "rules" / "isl.yml").read_text()
    (rules / "isl.yml").write_text(text.replace("window: 5m", "window: 5 min"))
    done = run("run", "--rules", str(rules), "--var", str(tmp_path))
    line = text[: text.index("window: 5m")].count("\n") + 1
    assert done.returncode == 2
    assert f"isl.yml:{line}: window: '5 min'" in done.stderr


def test_a_folder_that_cannot_be_written_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    done = run("run", "--var", str(tmp_path))
    assert (done.returncode, done.stdout) == (3, "")
    assert "runs" in done.stderr


def test_output_may_be_cut_off() -> None:
    command = f"{REHEARSE} run --help | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
