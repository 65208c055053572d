"""Stats: what became of everything that was sent, by category, outcome and reason, and over time."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from embedded.pages.access import Visit
from embedded.pages.charts import Chart, stacked
from embedded.pages.formats import show_clock, show_number
from embedded.pages.frame import Ask, Scope, find_scope, render
from embedded.pages.words import show_outcome
from embedded.records import Outcome
from embedded.store.books import BookLine, book_lines

router = APIRouter()
STEPS: Final = 60
MINUTE: Final = timedelta(minutes=1)  # of the books: the one that is being counted belongs to the page
KINDS: Final = {
    Outcome.ACCEPTED: "good",
    Outcome.CLIENT_DISCARD: "none",
    Outcome.FILTERED: "filtered",
    Outcome.RATE_LIMITED: "warn",
    Outcome.INVALID: "bad",
}


@dataclass(frozen=True, slots=True)
class Category:
    """One category: its sums, and its chart."""

    name: str
    total: int
    by_outcome: tuple[tuple[str, str, int], ...]  # outcome, its colour, quantity; those that happened
    reasons: tuple[tuple[str, str, int], ...]  # outcome, reason, quantity; of what was not accepted
    chart: Chart


@router.get("/stats/")
def stats(request: Request, context: Visit, asked: Ask) -> Response:
    """The books of the period."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return RedirectResponse("/", 303)
    lines = book_lines(context.read(), scope.project.id, scope.since - MINUTE, scope.now, STEPS)
    groups: dict[str, list[BookLine]] = defaultdict(list)
    for line in lines:
        groups[line.category].append(line)
    found = [_category(name, group, scope) for name, group in groups.items()]
    categories = sorted(found, key=lambda each: (-each.total, each.name))
    return render(request, "stats.html.jinja", scope=scope, categories=categories, since=scope.since - MINUTE)


def _category(name: str, lines: list[BookLine], scope: Scope) -> Category:
    columns = [[0.0] * len(KINDS) for _ in range(STEPS)]
    order = [str(each) for each in KINDS]
    outcomes: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    for line in lines:
        columns[line.step][order.index(line.outcome)] += line.quantity
        outcomes[line.outcome] += line.quantity
        if line.outcome != Outcome.ACCEPTED:
            reasons[line.outcome, line.reason] += line.quantity
    step = (scope.now - scope.since + MINUTE) / STEPS
    titles = [
        f"{show_clock(scope.since - MINUTE + step * number)}: " + (_said(order, column) or "nothing")
        for number, column in enumerate(columns)
    ]
    return Category(
        name=name,
        total=sum(outcomes.values()),
        by_outcome=tuple((str(each), kind, outcomes[each]) for each, kind in KINDS.items() if outcomes[each]),
        reasons=tuple((*key, quantity) for key, quantity in reasons.most_common()),
        chart=stacked(tuple(KINDS.values()), columns, titles, f"{name} items over time, by outcome"),
    )


def _said(order: list[str], column: list[float]) -> str:
    counted = zip(order, column, strict=True)
    return ", ".join(f"{show_number(value)} {show_outcome(outcome)}" for outcome, value in counted if value)
