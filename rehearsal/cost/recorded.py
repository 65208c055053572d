"""A recorded run -> what each endpoint emits; and assumptions -> the file that they are read from."""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from rehearsal.cost.assume import BESIDE, Assumptions
from rehearsal.cost.measured import LEVELS
from rehearsal.cost.workload import Beside, Endpoint
from rehearsal.errors import UsageError

REPORT: Final = "report.json"
LINE: Final = 110  # characters of the written file's prose
MIN_REQUESTS: Final = 200  # of a run in undisturbed time; below, a share of 1 % is two requests
MIN_TRANSACTIONS: Final = 5  # of an endpoint
# Sentry's category -> what it is per request.
METERED: Final = {"log_byte": "logs_bytes", "trace_metric_byte": "metrics_bytes", "attachment": "attachments_bytes"}


def load_run(path: Path, least_errors: float = 0.0) -> Assumptions:
    """Return what a run measured; `path` is its folder or its report.json.

    `least_errors`: error events per request to assume where the run had fewer, since a rehearsal's service is healthier
    than a real one. Raises UsageError, with the remedy, for what is no report, or of a run without enough data.
    """
    file = path / REPORT if path.is_dir() else path
    try:
        measured = json.loads(file.read_text(encoding="utf-8"))["measured"]
        if tuple(measured["levels"]) != LEVELS:
            raise UsageError(f"{file}: its quantiles are of another version; run the rehearsal again")
        return read_measured(file, measured, least_errors)
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "name the report.json of `make rehearse`, or its folder"
        raise UsageError(f"{file}: no report with measurements: {type(error).__name__} {error}; {remedy}") from None


def read_measured(file: Path, measured: Mapping[str, Any], least_errors: float = 0.0) -> Assumptions:
    """Return the part `measured` of a report as assumptions. Raises UsageError where it is not enough."""
    total = measured["requests"]
    if total < MIN_REQUESTS:
        raise UsageError(
            f"{file}: {total} undisturbed requests are too few, {MIN_REQUESTS} are needed; rehearse for longer, for"
            " example: rehearse run --only healthy-baseline"
        )
    for each in measured["endpoints"]:
        if each["transactions"] < MIN_TRANSACTIONS or not each["looked_into"]:
            raise UsageError(
                f"{file}: {each['transactions']} transactions of {each['route']} are too few, {MIN_TRANSACTIONS} are"
                " needed; rehearse with --traces 1.0, or for longer"
            )
    began = datetime.fromisoformat(measured["began_at"]).astimezone(UTC)
    prefix = common_prefix([each["route"] for each in measured["endpoints"]])
    endpoints = tuple(_measured_endpoint(each, prefix, total, least_errors) for each in measured["endpoints"])
    bytes_of = {name: measured["items"].get(category, 0) / measured["sent"] for category, name in METERED.items()}
    most = max(each["looked_into"] for each in measured["endpoints"])
    return Assumptions(
        as_of=began.date(),
        where=f"run of {began:%Y-%m-%d %H:%M} UTC",
        method=f"{total} undisturbed requests of a run that began at {began:%Y-%m-%d %H:%M} UTC; spans, names and"
        f" bytes from up to {most} transactions of each endpoint; load average {measured['load_per_cpu']:g} per CPU",
        endpoints=_summing_to_one(endpoints),
        beside=Beside(**bytes_of),
    )


def _measured_endpoint(each: Mapping[str, Any], prefix: str, total: int, least_errors: float) -> Endpoint:
    looked_into = each["looked_into"]
    return Endpoint(
        name=each["route"].removeprefix(prefix),
        share=each["requests"] / total,
        errors=max(least_errors, each["errors"] / each["requests"]),
        spans=each["spans"] / looked_into,
        duration_ms=each["mean_ms"],
        route=each["route"],
        payload_bytes=each["payload_bytes"] / looked_into,
        latency_ms=tuple(each["latency_ms"]),
        span_names=tuple((name, spans / looked_into) for name, spans in each["span_names"].items()),
    )


def _summing_to_one(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Round the shares, and give the first endpoint, the largest, what that leaves."""
    first, *others = (replace(each, share=round(each.share, 4)) for each in endpoints)
    rest = 1 - sum(each.share for each in others)
    return replace(first, share=round(rest, 4)), *others


def common_prefix(routes: list[str]) -> str:
    """Return the leading path that all routes have, `/api/v1/`; at least `/`."""
    parts = [route.split("/") for route in routes]
    kept: list[str] = []
    for level in zip(*(each[:-1] for each in parts), strict=False):
        if len(set(level)) > 1:
            break
        kept.append(level[0])
    return "/".join(kept) + "/" if kept and len(routes) > 1 else "/"


def as_yaml(found: Assumptions, day: date) -> str:
    """Return assumptions as the file that `load_assumptions` reads."""
    prefix = common_prefix([each.route or each.name for each in found.endpoints])
    lines = [
        "# What each route emits per request. By `rehearse whatif --run RUN --save-assumptions FILE`.",
        "# spans is per SAMPLED request, its own included; latency_ms are the quantiles at",
        f"# {', '.join(f'{level:g}' for level in LEVELS)}; errors is an assumption where the run had fewer.",
        f"as_of: {found.as_of}",
        "method: >-",
        textwrap.indent(textwrap.fill(f"{found.method}; written on {day}", LINE), "  "),
        f"prefix: {prefix}",
        f"beside: {{{', '.join(f'{name}: {getattr(found.beside, name):g}' for name in BESIDE)}}}",
        "endpoints:",
    ]
    return "\n".join(lines + [_lines(each, prefix) for each in found.endpoints]) + "\n"


def _lines(each: Endpoint, prefix: str) -> str:
    names = [f"      {json.dumps(name)}: {spans:.3g}" for name, spans in each.span_names]
    return "\n".join(
        [
            f"  - name: {json.dumps((each.route or each.name).removeprefix(prefix))}",
            f"    share: {each.share:g}",
            f"    errors: {each.errors:.4g}",
            f"    spans: {each.spans:.4g}",
            f"    duration_ms: {each.duration_ms:.4g}",
            f"    payload_bytes: {each.payload_bytes:.0f}",
            f'    latency_ms: "{", ".join(f"{value:.4g}" for value in each.latency_ms)}"',
            f"    span_names:{'' if names else ' {}'}",
            *names,
        ]
    )


def last_run(runs: Path) -> Path:
    """Return the folder of the newest run that has a report. Raises UsageError where there is none."""
    found = sorted(runs.glob(f"*/{REPORT}"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise UsageError(f"{runs}: no run with a {REPORT}; rehearse first (make rehearse), or give --assume FILE")
    return found[-1].parent
