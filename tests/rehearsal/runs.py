"""Running the real command: to its end, in the background until it says something, and looking for what it left."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

REHEARSE = Path(sys.executable).parent / "rehearse"
# With Docker within reach, `up` would choose containers: these tests are about processes.
ENVIRON = os.environ | {"DOCKER_HOST": "unix:///nowhere"}
DEADLINE_S = 400.0  # the default pack may take six minutes


def run(command: str, var: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run one of rehearse's commands to its end."""
    argv = [str(REHEARSE), command, "--var", str(var), *arguments]
    return subprocess.run(argv, cwd=var, env=ENVIRON, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


@dataclass
class Background:
    """A command under way, with what it says on stderr."""

    process: "subprocess.Popen[bytes]"
    talk: Path

    def await_talk(self, text: str) -> None:
        """Wait until it has said the text."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.talk.read_text():
            assert self.process.poll() is None, self.talk.read_text()
            assert time.monotonic() < deadline, f"waited for {text!r}"
            time.sleep(0.02)

    def ends(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(DEADLINE_S)


def begin(command: str, var: Path, *arguments: str) -> Background:
    """Start one of rehearse's commands in a session of its own, as a terminal would."""
    talk = var / f"talk-{time.monotonic_ns()}"
    with talk.open("w") as errors:
        argv = [str(REHEARSE), command, "--var", str(var), *arguments]
        process = subprocess.Popen(
            argv,
            env=ENVIRON,
            stderr=errors,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_hear,
        )
    return Background(process, talk)


def _hear() -> None:
    """Under nohup, or in a shell's background, the tests are deaf to these, and what they start would inherit that."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def left_running(var: Path) -> list[int]:
    """Processes that were told of this folder, by command line or environment."""
    mark, own = os.fsencode(var), os.getpid()
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and int(folder.name) != own and _mentions(folder, mark)
    ]


def await_nothing_left(var: Path) -> None:
    """Wait until none of them runs."""
    deadline = time.monotonic() + DEADLINE_S
    while left := left_running(var):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)


def _mentions(folder: Path, mark: bytes) -> bool:
    try:
        return mark in (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
