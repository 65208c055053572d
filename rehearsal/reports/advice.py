"""Advice on sample rates as lines to read, and as lines to paste."""

import json
import re
from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from rehearsal.cost.power import HORIZONS, MINUTE
from rehearsal.cost.recommend import Advice, Hopeless, Promise
from rehearsal.cost.whatif import Question, Watched
from rehearsal.reports.cost_tables import Shown, number

SAMPLER: Final = """\
import re

RATES = [  # path, share of the requests that are traced
{table}
]


def traces_sampler(context):
    if context.get("parent_sampled") is not None:  # a caller decided: strip strangers' headers before
        return float(context["parent_sampled"])
    path = (context.get("asgi_scope") or {{}}).get("path", "")
    return next((rate for regex, rate in RATES if re.fullmatch(regex, path)), {default})
"""


def show_advice(advice: Advice, promise: Promise, question: Question, shown: Shown) -> RenderableType:
    """The rates, what they cost, what each monitor then does, what binds, and what to paste."""
    bill = advice.bill
    lines: list[RenderableType] = [Text.assemble(("Recommended traces sample rates", "bold"))]
    lines += [Text(f"  {name:<28} {rate:g}") for name, rate in by_endpoint(advice, question)]
    saved = "no more than without tracing" if bill.total == bill.base else f"{bill.base:.2f} base and what is over"
    lines.append(Text(f"\nBill: {bill.total:.2f} {shown.currency} a month ({bill.plan}), {saved};"))
    lines.append(Text(f"      at rates of 1.0 it is {advice.full_price:.2f}, 95 of 100 months lie in {bill.low:.2f}"
                      f" to {bill.high:.2f}."))  # fmt: skip
    lines.append(Text("\nEach monitor then", style="bold"))
    lines += [Text(f"  {line}") for each in advice.watched for line in _kept(each, promise)]
    for each in advice.hopeless:
        lines.append(Text(f"\n{each.monitor} ({each.where}): no rate can keep its promises", style="bold"))
        lines += [Text(f"  {line}") for line in _alternatives(each, promise)]
    lines.append(Text("\nWhat binds", style="bold"))
    lines += [Text(f"  {each}") for each in advice.binds or ("Nothing: the lowest rates tried keep every promise.",)]
    lines.append(Text("\nTo paste, for this project's service (.env)", style="bold"))
    lines.append(Text(environment_lines(advice, question)))
    lines.append(Text("\nTo paste, for any service (Python)", style="bold"))
    lines.append(Text(sampler_lines(advice, question)))
    return Group(*lines, Text("\n" + shown.footer()))


def by_endpoint(advice: Advice, question: Question) -> list[tuple[str, float]]:
    return [(each.name, advice.rates.of(each.name)) for each in question.endpoints]


def environment_lines(advice: Advice, question: Question) -> str:
    """The service's own variables, as an .env file has them."""
    routes = {each.name: each.route or each.name for each in question.endpoints}
    pairs = ",".join(f"{routes[name]}={rate:g}" for name, rate in advice.rates.routes.items())
    lines = [f"SENTRY_TRACES_SAMPLE_RATE={advice.rates.traces:g}"]
    lines += [f"SENTRY_TRACES_ROUTES={pairs}"] if pairs else []
    return "\n".join([*lines, f"SENTRY_PROFILES_SAMPLE_RATE={advice.rates.profiles:g}"])


def sampler_lines(advice: Advice, question: Question) -> str:
    """A traces_sampler for `sentry_sdk.init`: the SDK asks before a route is chosen, so it matches the path."""
    routes = {each.name: each.route or each.name for each in question.endpoints}
    if not advice.rates.routes:
        return f"sentry_sdk.init(..., traces_sample_rate={advice.rates.traces:g})  # one rate, so no sampler is needed"
    table = [f"    ({json.dumps(_regex(routes[name]))}, {rate:g})," for name, rate in advice.rates.routes.items()]
    return SAMPLER.format(table="\n".join(table), default=f"{advice.rates.traces:g}")


def _regex(template: str) -> str:
    return "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", template))


def _kept(watched: Watched, promise: Promise) -> Iterator[str]:
    found = watched.power
    if found is None:
        yield f"{watched.monitor}: never fires"
        return
    mark = "✗" if promise.broken(found) else "✓"
    median = "later" if found.median is None else f"{found.median / MINUTE:g} min"
    yield (
        f"{mark} {watched.monitor}: fires within {promise.within} min with"
        f" {found.within[HORIZONS.index(promise.within)]:.2f} (median {median}),"
        f" {number(found.false_pages_per_month)} false pages a month, {found.requests_per_window:,.0f} in a window"
    )


def _alternatives(each: Hopeless, promise: Promise) -> Iterator[str]:
    yield from (f"at 1.0 it {broken}" for broken in each.broken)
    if not each.alternatives:
        yield "and no longer window or higher threshold does; there is too little traffic for what is to be seen"
        return
    for position, found in enumerate(each.alternatives):
        power = found.power
        taken = "instead (taken above)" if position == 0 else "or"
        surely = power.within[HORIZONS.index(promise.within)]
        yield (
            f"{taken}: {found.change}: within {promise.within} min with {surely:.2f},"
            f" {number(power.false_pages_per_month)} false pages a month"
            + ("" if found.is_kept else ", which is nearest, and not enough")
        )
