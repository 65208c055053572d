"""Sentry's field names -> columns, and a search query -> a WHERE clause. The one place that knows both. SQL only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from monitors.query import Query, Term

TRUE: Final = "'true'"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A table as searches see it: fixed fields, and tags for every other name."""

    table: str
    time_column: str
    fields: Mapping[str, str] = field(default_factory=dict)  # Sentry's name -> SQL expression

    def expression(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the SQL expression of a field or tag, with its parameters."""
        if name in self.fields:
            return self.fields[name], ()
        tag = name[5:-1] if name.startswith("tags[") and name.endswith("]") else name
        return "json_extract(tags, ?)", (f'$."{tag}"',)


SPANS: Final = Dataset(
    "request_span",
    "ended_ms",
    {
        "id": "lower(hex(event_id))",
        "trace": "lower(hex(trace_id))",
        "transaction": "name",
        "span.op": "op",
        "span.duration": "duration_ms",
        "transaction.duration": "duration_ms",
        "span.status": "status",
        "span.status_code": "http_status",
        "http.request.method": "method",
        "environment": "environment",
        "release": "release",
        "is_transaction": TRUE,  # root spans only are stored as rows
        "timestamp": "ended_ms",
        "sample_weight": "weight",
        "sampling_rate": "1.0 / weight",  # Sentry's own: the share of such requests that the client sends
    },
)
ERRORS: Final = Dataset(
    "error_event",
    "occurred_ms",
    {
        "id": "event_id",
        "issue.id": "issue_id",
        "trace": "trace_id",
        "title": "title",
        "level": "level",
        "transaction": "transaction_name",
        "environment": "environment",
        "release": "release",
        "timestamp": "occurred_ms",
        "is": "(SELECT status FROM issue WHERE issue.id = issue_id)",
    },
)
# Both spellings: monitors name the storage, searches name the product.
DATASETS: Final = {"spans": SPANS, "events_analytics_platform": SPANS, "errors": ERRORS, "events": ERRORS}


def where(dataset: Dataset, query: Query) -> tuple[str, tuple[str | float, ...]]:
    """Return a condition for the query's terms, all of which must hold, with its parameters."""
    clauses: list[str] = ["1"]
    parameters: list[str | float] = []
    for term in query.terms:
        clause, values = _condition(dataset, term)
        clauses.append(f"NOT {clause}" if term.negated else clause)
        parameters += values
    return " AND ".join(clauses), tuple(parameters)


def _condition(dataset: Dataset, term: Term) -> tuple[str, tuple[str | float, ...]]:
    """A term's condition before negation: never null, because an absent tag equals nothing, not even in NOT."""
    expression, own = dataset.expression(term.key)
    if term.operator != "=":
        is_number = f"({expression} GLOB '*[0-9]*' AND NOT {expression} GLOB '*[^0-9.eE+-]*')"
        compared = f"CAST({expression} AS REAL) {term.operator} ?"
        return f"coalesce({is_number} AND {compared}, 0)", (*own * 3, term.number)
    text = f"coalesce(CAST({expression} AS TEXT), '')"
    if "*" in term.values[0]:
        return f"({text} LIKE ? ESCAPE '\\')", (*own, _pattern(term.values[0]))
    return f"({text} IN ({','.join('?' * len(term.values))}))", (*own, *term.values)


def _pattern(value: str) -> str:
    """A wildcard as LIKE writes it. LIKE is blind to the case of ASCII letters, and so are Sentry's wildcards."""
    for special in ("\\", "%", "_"):
        value = value.replace(special, f"\\{special}")
    return value.replace("*", "%")
