"""Signals: the first ends the work, none ends the clean-up. In processes of their own, since handlers are global."""

import subprocess
import sys
import textwrap

import pytest

from rehearsal.settings import ROOT

START = "import os, signal\nfrom rehearsal.interrupts import install, is_hurried, shielded\n"


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", START + textwrap.dedent(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_signal_ends_the_work(name: str) -> None:
    script = f"""
    install()
    try:
        os.kill(os.getpid(), signal.{name})
        print("went on")
    except KeyboardInterrupt:
        print("stopped", is_hurried())
    """
    assert run(script) == "stopped False\n"


def test_signals_wait_until_the_clean_up_is_over() -> None:
    script = """
    install()
    try:
        with shielded():
            with shielded():
                os.kill(os.getpid(), signal.SIGINT)
                print("cleaned", is_hurried())
            os.kill(os.getpid(), signal.SIGTERM)
            print("all", is_hurried())
        print("went on")
    except KeyboardInterrupt:
        print("stopped")
    """
    assert run(script) == "cleaned False\nall True\nstopped\n"


def test_a_signal_that_was_told_is_not_told_again() -> None:
    script = """
    install()
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        with shielded():
            print("cleaned")
        print("done")
    """
    assert run(script) == "cleaned\ndone\n"


def test_an_error_in_the_clean_up_is_not_hidden_by_a_signal() -> None:
    script = """
    install()
    try:
        with shielded():
            os.kill(os.getpid(), signal.SIGINT)
            raise ValueError("broken")
    except ValueError as error:
        print(error)
    """
    assert run(script) == "broken\n"


def test_what_nohup_has_us_ignore_stays_ignored() -> None:
    script = """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    install()
    os.kill(os.getpid(), signal.SIGHUP)
    print("went on")
    """
    assert run(script) == "went on\n"
