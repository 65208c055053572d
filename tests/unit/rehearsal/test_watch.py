"""What an onlooker is told while a drill lasts."""

from datetime import timedelta
from pathlib import Path

from rehearsal.clock import Pace, now
from rehearsal.settings import Options
from rehearsal.stack import Stack
from rehearsal.watch import Watch


class Shown:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def show(self, text: str) -> None:
        self.lines.append(text)


def test_the_time_to_go_is_that_of_the_onlooker_whatever_the_speed(tmp_path: Path) -> None:
    shown, stack = Shown(), Stack(Options(speed=60.0), tmp_path / "run")
    watch = Watch("a-drill", stack, Pace(60.0, now()), shown)
    watch.until(now() + timedelta(seconds=90), lambda: bool(shown.lines))
    assert shown.lines == ["a-drill, healthy traffic: 0 requests, 0 failed, at most 1m 30s to go"]
