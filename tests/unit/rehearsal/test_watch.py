"""What an onlooker is told while a drill lasts."""

from datetime import timedelta
from pathlib import Path

from rehearsal.clock import Pace, now
from rehearsal.conduct import _fill_windows
from rehearsal.disturbance import Fault
from rehearsal.drill import Drill
from rehearsal.settings import Options
from rehearsal.stack import Stack
from rehearsal.watch import Watch
from tests.unit.rehearsal.samples import MINUTE, RULES


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


def test_filling_the_windows_is_told_in_the_same_time() -> None:
    shown, drill = Shown(), Drill("step", "it pages", MINUTE, Fault("error_rate", 0.2), ())
    _fill_windows([drill], RULES, Pace(600.0, now()), shown)
    assert shown.lines == ["healthy traffic for 1s, so that every window is full"]  # ten minutes of production
