"""What a rehearsal is asked to do: one frozen object, built by the CLI from options and `REHEARSE_*` variables."""

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rehearsal.errors import UsageError

ROOT: Final = Path(__file__).resolve().parents[1]
PORTS: Final = {
    "sentry": 9000,
    "sink": 8085,
    "mail": 8025,
}  # the contract of docs/architecture.md; those of the service are its plan's
MONTH: Final = timedelta(days=30)
PERIODS: Final = {
    "month": MONTH,
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "min": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
FACTORS: Final = {"": 1, "k": 1_000, "M": 1_000_000}
# Requests per second that one Locust process and two workers carry on two cores. Measured: at 150 every transaction
# arrives, at 200 the SDK's queue overflows.
MAX_RATE: Final = 150.0
MIN_RATE: Final = 0.2  # requests per second: below it a window holds next to nothing, and waiting for one takes long
MAX_SPEED: Final = 120.0  # beyond it a production minute is shorter than a delivery takes


@dataclass(frozen=True, slots=True)
class Options:
    """One rehearsal."""

    speed: float = 60.0  # production seconds per second
    traffic: float = 1_000_000 / MONTH.total_seconds()  # production requests per second; the guide's million a month
    traces_sample_rate: float = 1.0
    plan: Path = ROOT / "rehearsal" / "plan.yml"
    drills: Path = ROOT / "rehearsal" / "drills"
    only: tuple[str, ...] = ()
    rules: Path = ROOT / "monitors" / "rules"
    var: Path = ROOT / "var"
    webhook_url: str | None = None  # instead of the sink
    with_faults: bool = True

    @property
    def rate(self) -> float:
        """Requests per second that Locust sends: the traffic, compressed."""
        return self.traffic * self.speed


def parse_traffic(text: str) -> float:
    """`1M/month`, `500k/day` or `20/s` as requests per second. Raises UsageError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)/(\w+)", text.strip())
    if match is None or match[3] not in PERIODS or float(match[1]) == 0:
        raise UsageError(f"traffic {text!r}: write for example 1M/month, 500k/day or 20/s")
    return float(match[1]) * FACTORS[match[2]] / PERIODS[match[3]].total_seconds()


def parse_count(text: str) -> float:
    """`1/month` or `2/day` as a number a month. Raises UsageError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(\w+)", text.strip())
    if match is None or match[2] not in PERIODS:
        raise UsageError(f"count {text!r}: write for example 1/month or 2/day")
    return float(match[1]) * (MONTH / PERIODS[match[2]])


def check(options: Options) -> Options:
    """Return the options if they can be run together. Raises UsageError with the remedy."""
    if not 1 <= options.speed <= MAX_SPEED:
        raise UsageError(f"speed {options.speed:g}: allowed are 1 to {MAX_SPEED:g}")
    if not 0 <= options.traces_sample_rate <= 1:
        raise UsageError(f"traces sample rate {options.traces_sample_rate:g}: allowed are 0 to 1")
    if not MIN_RATE <= options.rate <= MAX_RATE:
        raise UsageError(f"traffic x speed is {options.rate:,.1f} requests per second; {_advise(options)}")
    if options.webhook_url is not None and not _is_http(options.webhook_url):
        raise UsageError(f"webhook URL {options.webhook_url!r}: allowed are http and https addresses")
    return options


def _advise(options: Options) -> str:
    if options.rate < MIN_RATE:
        return f"at least {MIN_RATE:g} are needed: declare more traffic or use a higher speed"
    most = math.floor(options.speed * MAX_RATE / options.rate)
    remedy = f"use a speed of {most} or less" if most >= 1 else "declare less traffic"
    return f"at most {MAX_RATE:.0f} can be sent from here: {remedy}"


def _is_http(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False
