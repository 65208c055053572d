"""Effective sample rates, and what the SDK costs, as tables for the terminal."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rehearsal.cost.recorded import common_prefix
from rehearsal.cost.wilson import Share
from rehearsal.overhead import EVERYTHING, QUANTILES, Cost, Ratio
from rehearsal.sampling import Row, Source, Verdict

STYLES: Final = {Verdict.AS_CONFIGURED: "green", Verdict.OFF: "bold red", Verdict.TOO_FEW: "yellow"}
SAID: Final[dict[Source, str]] = {
    "reports": "client reports",
    "weights": "weights",
    "sessions": "sessions",
    "ledger": "ledger",
}


def show_rates(rows: Iterable[Row]) -> RenderableType:
    """All endpoints together by source; then one line for each endpoint, for profiles and for errors."""
    total, *others = rows
    said = f"\neffective traces rate of all endpoints, configured {total.configured:.3g}: "
    return Group(Text.assemble(said, _verdict(total)), _by_source(total), _by_row(others))


def _by_source(total: Row) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("source", "arrived", "of", "rate", "95 % interval"):
        table.add_column(name, justify="left" if name == "source" else "right", no_wrap=True)
    for source, found in total.sources.items():
        table.add_row(SAID[source], *_cells(found))
    apart = {"forced by callers": total.forced, "at a reduced rate": total.reduced, "sampled and lost": total.lost}
    for name, count in apart.items():
        if count:
            table.add_row(name, f"{count:,}", "", "", "")
    return table


def _by_row(rows: Sequence[Row]) -> Table:
    prefix = common_prefix([row.name for row in rows if row.kind == "traces"])
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("endpoint", "wanted", "of", "rate", "95 % interval"):
        table.add_column(name, justify="left" if name == "endpoint" else "right", no_wrap=True)
    table.add_column("verdict")
    for row in rows:
        best = row.sources.get("ledger") or next(iter(row.sources.values()), None)
        name = row.name.removeprefix(prefix) if row.kind == "traces" else row.kind
        table.add_row(name, f"{row.configured:.3g}", *_cells(best)[1:], _verdict(row))
    return table


def _verdict(row: Row) -> Text:
    said = Text(row.verdict, style=STYLES[row.verdict])
    return said if row.verdict is not Verdict.OFF else Text.assemble(said, f": {row.why}")


def _cells(found: Share | None) -> tuple[str, str, str, str]:
    if found is None:
        return "-", "-", "-", "-"
    interval = f"{found.low:.3f} to {found.high:.3f}"
    return f"{found.kept:,.0f}", f"{found.of:,.0f}", f"{found.value:.3f}", interval


def show_overhead(found: Sequence[Cost], configured: float) -> RenderableType:
    """Ratios to the service without the SDK, a table for each of its rates; below each ratio its interval."""
    prefix = common_prefix([each.endpoint for each in found if each.endpoint != EVERYTHING])
    said = "what the SDK costs: ratios to the same service without it, below them their 95 % intervals"
    tables = [
        _ratios([each for each in found if each.variant == variant], f"traces at {rate:g}", prefix)
        for variant, rate in (("configured", configured), ("all", 1.0))
        if any(each.variant == variant for each in found)
    ]
    return Group(Text(f"\n{said}"), *tables)


def _ratios(found: Iterable[Cost], title: str, prefix: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("endpoint", "throughput", *QUANTILES):
        table.add_column(name, justify="left" if name == "endpoint" else "right", no_wrap=True)
    for each in found:
        ratios = [_show_ratio(each.throughput), *(_show_ratio(each.latency[name]) for name in QUANTILES)]
        table.add_row(each.endpoint.removeprefix(prefix), *ratios)
    return table


def _show_ratio(found: Ratio | None) -> str:
    return "too few" if found is None else f"{found.value:.2f}\n{found.low:.2f}..{found.high:.2f}"
