"""The report as JSON: every number of the terminal and the page, for machines."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final

from rehearsal.verdict import Report

VERSION: Final = 1  # raised when a field changes its meaning or goes
OPTIONS: Final = ("speed", "traffic", "traces_sample_rate", "only", "with_faults")
CONVERSIONS: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (datetime, datetime.isoformat),
    (timedelta, timedelta.total_seconds),  # seconds of production time
    (Enum, lambda value: value.value),
    (Path, str),
    (Decimal, str),  # amounts of money, exactly
)


def as_json(report: Report) -> str:
    """Return the report as indented JSON; spans are seconds of production time, instants RFC 3339."""
    fields = asdict(report)
    del fields["entries"]  # they are the ledger, a file of its own
    del fields["rules"]
    fields["options"] = {name: fields["options"][name] for name in OPTIONS}
    for drill, result in zip(fields["drills"], report.drills, strict=True):
        drill["status"] = result.status
    fields["books"] |= {"is_closed": report.books.is_closed}
    return json.dumps({"version": VERSION, "verdict": report.status, **fields}, default=convert, indent=2)


def convert(value: object) -> object:
    """Write what JSON does not know: instants, spans, choices, paths. Raises TypeError for anything else."""
    for kind, convert in CONVERSIONS:
        if isinstance(value, kind):
            return convert(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
