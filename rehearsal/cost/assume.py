"""A file of assumptions -> what each endpoint emits, or one UsageError with every mistake and its line."""

from dataclasses import dataclass
from datetime import date
from math import isclose, isfinite
from pathlib import Path
from typing import Final

from monitors.errors import Problem
from monitors.nodes import Section, open_file
from rehearsal.cost.measured import LEVELS
from rehearsal.cost.workload import Beside, Endpoint
from rehearsal.errors import UsageError

REFERENCE: Final = Path(__file__).with_name("reference.yml")
MAX_NAME: Final = 200  # characters
MAX_METHOD: Final = 1000
BESIDE: Final = tuple(Beside.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What each endpoint emits, of which day, and where that was read."""

    as_of: date
    where: str  # file or run, with its day
    method: str  # how it was come by, as a sentence
    endpoints: tuple[Endpoint, ...]
    beside: Beside


def load_assumptions(path: Path = REFERENCE) -> Assumptions:
    """Return the assumptions of a file. Raises UsageError with every mistake and its line."""
    problems: list[Problem] = []
    top = open_file(path, problems)
    top.allow("as_of", "method", "prefix", "beside", "endpoints")
    prefix = top.text("prefix", MAX_NAME, is_required=False)
    as_of = top.read("as_of", _day, date.min)
    found = Assumptions(
        as_of=as_of,
        where=f"{path.name} of {as_of}",
        method=top.text("method", MAX_METHOD, is_required=False),
        endpoints=tuple(_endpoint(each, prefix) for each in top.sections("endpoints")),
        beside=_beside(top.section("beside")) if "beside" in top.fields else Beside(),
    )
    if problems:
        raise UsageError("\n".join(map(str, problems)))
    return found


def load_endpoints(path: Path = REFERENCE) -> tuple[Endpoint, ...]:
    """Return what each endpoint of a file emits. Raises UsageError with every mistake and its line."""
    return load_assumptions(path).endpoints


def _endpoint(section: Section, prefix: str) -> Endpoint:
    section.allow("name", "share", "errors", "spans", "duration_ms", "payload_bytes", "latency_ms", "span_names")
    name = section.text("name", MAX_NAME)
    names = section.section("span_names") if "span_names" in section.fields else None
    return Endpoint(
        name=name,
        share=section.read("share", _share, 0.0),
        errors=section.read("errors", _share, 0.0),
        spans=section.read("spans", _spans, 1.0),
        duration_ms=section.read("duration_ms", _amount, 0.0),
        route=prefix + name,
        payload_bytes=section.read("payload_bytes", _amount, 0.0, is_required=False),
        latency_ms=section.read("latency_ms", _quantiles, (), is_required=False),
        span_names=tuple((each, names.read(each, _amount, 0.0)) for each in names.fields) if names else (),
    )


def _beside(section: Section) -> Beside:
    section.allow(*BESIDE)
    return Beside(**{name: section.read(name, _amount, 0.0, is_required=False) for name in BESIDE})


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day, write YYYY-MM-DD") from None


def _quantiles(text: str) -> tuple[float, ...]:
    found = tuple(map(_amount, text.split(",")))
    if len(found) != len(LEVELS) or list(found) != sorted(found):
        raise ValueError(f"{len(found)} values, needed are {len(LEVELS)}, none smaller than the one before")
    return found


def _amount(text: str) -> float:
    value = float(text)
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"{text} is not allowed, a number from 0 on is")
    return value


def _share(text: str) -> float:
    if _amount(text) > 1:
        raise ValueError(f"{text} is not allowed, 0 to 1 is")
    return float(text)


def _spans(text: str) -> float:
    value = _amount(text)
    if value < 1 and not isclose(value, 1):
        raise ValueError(f"{text} is not allowed, from 1 on is: a sampled request has its own span")
    return value
