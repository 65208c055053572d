"""A file of endpoints -> what each emits, or one UsageError with every mistake and its line."""

from math import isfinite
from pathlib import Path
from typing import Final

from monitors.errors import Problem
from monitors.nodes import Section, open_file
from rehearsal.cost.workload import Endpoint
from rehearsal.errors import UsageError

REFERENCE: Final = Path(__file__).with_name("reference.yml")
MAX_NAME: Final = 200  # characters


def load_endpoints(path: Path = REFERENCE) -> tuple[Endpoint, ...]:
    """Return the endpoints of a file. Raises UsageError if it holds mistakes."""
    problems: list[Problem] = []
    top = open_file(path, problems)
    top.allow("endpoints")
    endpoints = tuple(map(_endpoint, top.sections("endpoints")))
    if problems:
        raise UsageError("\n".join(map(str, problems)))
    return endpoints


def _endpoint(section: Section) -> Endpoint:
    section.allow("name", "share", "errors", "spans", "duration_ms")
    return Endpoint(
        name=section.text("name", MAX_NAME),
        share=section.read("share", _share, 0.0),
        errors=section.read("errors", _share, 0.0),
        spans=section.read("spans", _spans, 1.0),
        duration_ms=section.read("duration_ms", _amount, 0.0),
    )


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
    if _amount(text) < 1:
        raise ValueError(f"{text} is not allowed, from 1 on is: a sampled request has its own span")
    return float(text)
