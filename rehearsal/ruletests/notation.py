"""The compact notation of a series: `60/m for 30m, 60..180/m for 10m, gap for 5m, 60/m` -> its value at every minute.

Steps follow each other; the last one lasts. Two numbers with `..` between them are a ramp. Three kinds of tracks:
rate `60/m`, `1/s`, `gap`; status `ok`, `10% internal_error`; latency `200ms`, `0.2..3s`, `200ms with 10% 3s`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MINUTES: Final = {"m": 1, "h": 60, "d": 1440}
PER_MINUTE: Final = {"s": 60.0, "m": 1.0, "h": 1 / 60}
MS: Final = {"ms": 1.0, "s": 1000.0}
NUMBER: Final = r"(\d{1,7}(?:\.\d{1,6})?)"
RAMP: Final = rf"{NUMBER}(?:\.\.{NUMBER})?"


@dataclass(frozen=True, slots=True)
class Step:
    """One stretch of a track."""

    start: float  # requests per minute, percent, or ms
    end: float
    word: str = "ok"  # of a status: which one so many percent have
    tail: tuple[float, float] | None = None  # of a latency: (percent, ms) of the slow ones


@dataclass(frozen=True, slots=True)
class Track:
    """Steps, and the minute at which each begins."""

    steps: tuple[Step, ...]
    begins: tuple[int, ...]
    lengths: tuple[int, ...]  # minutes; the last one lasts, and a ramp there stays at its end

    def at(self, minute: int) -> tuple[float, Step]:
        """Return the value at a minute from 0, and the step that it belongs to."""
        index = bisect_right(self.begins, minute) - 1
        step, passed = self.steps[index], minute - self.begins[index]
        part = min(1.0, passed / max(1, self.lengths[index] - 1))
        return step.start + (step.end - step.start) * part, step


def read_rate(text: str) -> Track:
    return _read(text, _rate)


def read_status(text: str) -> Track:
    return _read(text, _status)


def read_latency(text: str) -> Track:
    return _read(text, _latency)


def read_minutes(text: str) -> int:
    """Read `90m`, `2h` or `30d`. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,6})([mhd])", text.strip())
    if match is None:
        raise ValueError(f"{text!r}, allowed is a number of m, h or d, such as 90m")
    return int(match[1]) * MINUTES[match[2]]


def _read(text: str, step_of: Callable[[str], Step]) -> Track:
    steps, begins, lengths, now = [], [], [], 0
    parts = text.split(",")
    for number, part in enumerate(parts, start=1):
        value, has_length, length = part.strip().partition(" for ")
        step = step_of(value.strip())
        if not has_length and (number < len(parts) or step.start != step.end):
            raise ValueError(
                f"{part.strip()!r} needs its length, such as `for 10m`; only a last step that is flat lasts"
            )
        minutes = read_minutes(length) if has_length else 1
        if not minutes:
            raise ValueError(f"{part.strip()!r} lasts no time")
        steps.append(step)
        begins.append(now)
        lengths.append(minutes)
        now += minutes
    return Track(tuple(steps), tuple(begins), tuple(lengths))


def _rate(text: str) -> Step:
    if text == "gap":
        return Step(0, 0)
    match = re.fullmatch(rf"{RAMP}/([smh])", text)
    if match is None:
        raise ValueError(f"rate {text!r}, allowed is such as 60/m, 1..5/s or gap")
    return _step(match[1], match[2], PER_MINUTE[match[3]])


def _status(text: str) -> Step:
    match = re.fullmatch(rf"(?:{RAMP}% )?([a-z_]+)", text)
    if match is None or max(float(match[1] or 0), float(match[2] or 0)) > 100:
        raise ValueError(f"status {text!r}, allowed is such as ok, 10% internal_error or 0..50% internal_error")
    step = _step(match[1] or "100", match[2], 1)
    return Step(step.start, step.end, match[3])


def _latency(text: str) -> Step:
    match = re.fullmatch(rf"{RAMP}(ms|s)(?: with {NUMBER}% {NUMBER}(ms|s))?", text)
    if match is None or float(match[4] or 0) > 100:
        raise ValueError(f"latency {text!r}, allowed is such as 200ms, 0.2..3s or 200ms with 10% 3s")
    step = _step(match[1], match[2], MS[match[3]])
    return Step(step.start, step.end, tail=(float(match[4]), float(match[5]) * MS[match[6]]) if match[4] else None)


def _step(start: str, end: str | None, factor: float) -> Step:
    return Step(float(start) * factor, float(end or start) * factor)
