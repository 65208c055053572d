"""Every name that the service emits and that a rule may query: one registry with kind, unit, meaning and emitter.

A name that is not here must not appear in `service/` or in a rule; `tests/unit/test_signals.py` holds both to it.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["tag", "context", "attribute", "measurement", "op", "breadcrumb"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One name on the wire."""

    name: str
    kind: Kind
    unit: str | None  # "ms", "1" for a count, None where the value is no quantity
    meaning: str
    emitter: str  # "sdk", or the module that sets it


# Tags: searchable, on error events and on transactions alike unless the meaning says otherwise.
REQUEST_ID: Final = Signal(
    "request_id", "tag", None, "One id per request: header, body, logs, events", "service.request_id"
)
SERVICE: Final = Signal("service", "tag", None, "The service's short name, `isl`", "service.telemetry")
SOURCE: Final = Signal("source", "tag", None, "Who raised it in Olumi terms, `isl`", "service.telemetry")
ERROR_CODE: Final = Signal("error_code", "tag", None, "Olumi error code, on error events", "service.event_hooks")
RETRYABLE: Final = Signal(
    "retryable", "tag", None, "`true` if a retry may help, on error events", "service.event_hooks"
)
RUNBOOK: Final = Signal(
    "runbook", "tag", None, "URL of what to do about the error code, on error events", "service.event_hooks"
)
COMPUTATION_TYPE: Final = Signal(
    "computation_type", "tag", None, "What was being computed, for example `counterfactual`", "service.api"
)
DEGRADED: Final = Signal(
    "degraded", "tag", None, "`true` if it was answered without one of its dependencies", "service.dependency"
)
DEPENDENCY: Final = Signal(
    "dependency", "tag", None, "The missing dependency: `database`, `cache` or `plot`", "service.dependency"
)
PLOT_BREAKER: Final = Signal(
    "plot_breaker", "tag", None, "State of the circuit breaker: `closed`, `open`, `half_open`", "service.plot"
)

# Contexts: structured, shown on the event, not searchable.
DAG: Final = Signal(
    "dag", "context", None, "Size of the graph and the asked pair; never the graph itself", "service.api"
)
ERROR_SCHEMA: Final = Signal(
    "error_schema", "context", None, "Code, reason, retryable and source", "service.event_hooks"
)
RUNTIME: Final = Signal("runtime", "context", None, "The interpreter and its version", "service.telemetry")

# Span operations: the work that matters, and none for what does not.
OP_IDENTIFY: Final = Signal("causal.identify", "op", "ms", "Identification of an effect in a graph", "service.api")
OP_CROSS_CHECK: Final = Signal(
    "causal.cross_check", "op", "ms", "Asking y0 for a second opinion", "service.cross_check"
)
OP_MONTE_CARLO: Final = Signal("causal.monte_carlo", "op", "ms", "Draws from a structural model", "service.api")
OP_SERIALIZE: Final = Signal("serialize", "op", "ms", "Writing an answer as JSON, in the pool", "service.api")
# Sentry's Caches page reads these two and their attributes.
OP_CACHE_GET: Final = Signal("cache.get", "op", "ms", "Looking a result up", "service.cache")
OP_CACHE_PUT: Final = Signal("cache.put", "op", "ms", "Keeping a result", "service.cache")
CACHE_KEY: Final = Signal(
    "cache.key", "attribute", None, "The keys: hashes, never what they stand for", "service.cache"
)
CACHE_HIT: Final = Signal("cache.hit", "attribute", None, "Whether the result was there", "service.cache")
CACHE_ITEM_SIZE: Final = Signal("cache.item_size", "attribute", "byte", "Size of the kept result", "service.cache")

# Breadcrumb categories of ours; `query`, `httplib` and `redis` are the SDK's.
CRUMB_VALIDATION: Final = Signal(
    "causal_validation", "breadcrumb", None, "A step of validating a graph and its question", "service.api"
)
CRUMB_CACHE: Final = Signal("cache", "breadcrumb", None, "A hit, a miss, or a cache that failed", "service.cache")
CRUMB_PLOT: Final = Signal("plot", "breadcrumb", None, "PLoT was not asked or did not answer", "service.plot")

SAMPLES: Final = Signal("samples", "attribute", "1", "Number of draws, on causal.monte_carlo spans", "service.api")

# Attributes that Sentry itself derives from a transaction; rules query these.
SPAN_DURATION: Final = Signal("span.duration", "attribute", "ms", "Duration of the span", "sdk")
SPAN_STATUS: Final = Signal(
    "span.status", "attribute", None, "Sentry's status of the span, `ok` if it went well", "sdk"
)
SPAN_OP: Final = Signal("span.op", "attribute", None, "Operation, `http.server` for a request", "sdk")
IS_TRANSACTION: Final = Signal("is_transaction", "attribute", None, "`true` for the root span of a request", "sdk")
TRANSACTION: Final = Signal("transaction", "attribute", None, "Route template of the request", "sdk")
ENVIRONMENT: Final = Signal("environment", "attribute", None, "Where it runs", "sdk")
RELEASE: Final = Signal("release", "attribute", None, "`isl@<version>+<sha>`", "sdk")
LEVEL: Final = Signal("level", "attribute", None, "Severity of an error event", "sdk")
IS: Final = Signal("is", "attribute", None, "Status of an error event's issue, for example `unresolved`", "sentry")

# What `environment` may be; `tests/unit/test_signals.py` holds the service's settings to it.
ENVIRONMENTS: Final = ("development", "staging", "production")

REGISTRY: Final[dict[str, Signal]] = {
    signal.name: signal for signal in list(globals().values()) if isinstance(signal, Signal)
}
