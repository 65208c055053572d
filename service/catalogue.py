"""The error catalogue as a page: `python -m service.catalogue > docs/errors.md`. A test holds the page to the enum."""

import sys
from collections.abc import Iterator
from typing import Final

from service.errors import SERVER_ERROR, ErrorCode

# Codes of the platform's catalogue that this service has no use for, and why. One that it has after all is not shown.
LEFT_OUT: Final = {
    "ISL_INVALID_DAG": "a wrong shape is ISL_VALIDATION_ERROR; cycles, emptiness and missing nodes have their own",
    "ISL_NO_ADJUSTMENT_SET": "adjustment is one method of several; when all fail it is ISL_CAUSAL_NOT_IDENTIFIABLE",
    "ISL_UNMEASURED_CONFOUNDING": "it is the reason of ISL_CAUSAL_NOT_IDENTIFIABLE, and no second error",
    "ISL_FACET_ERROR": "there is no FACET computation",
    "ISL_CONVERGENCE_ERROR": "nothing here iterates until it converges",
    "ISL_MEMORY_LIMIT": "what a request may need is bounded by its schema; a worker without memory is killed",
    "ISL_CACHE_ERROR": "a cache that fails costs time and no answer: tag `degraded`",
    "ISL_REDIS_ERROR": "as ISL_CACHE_ERROR",
}
INTRODUCTION: Final = """# Errors

Every failure is answered with one body, Olumi error v1.0: flat JSON, nulls left out. `service/errors.py` holds the
codes, `service/error_handlers.py` is the only place where errors meet HTTP. `service/catalogue.py` writes this page.

    {"code": "ISL_DAG_CYCLIC", "message": "The graph has a cycle: x -> y -> x", "reason": "cycle_detected",
     "recovery": {"hints": ["Remove one edge of the cycle"], "suggestion": "Remove one edge of the cycle"},
     "retryable": false, "source": "isl", "request_id": "req_0123456789abcdef"}

`request_id` is the header `X-Request-Id` too, and the tag `request_id` in Sentry. `reason` may be narrower than the one
below, as `database_unavailable` is for ISL_SERVICE_UNAVAILABLE. ISL_INVALID_INPUT is also what the router's own 404 and
405 are called. A 429 and a 503 say in `Retry-After` when to come back. What is no HTTP is
refused by the server, before the service sees it, with 400 and a line of text.

## The codes

In Sentry, a failure of ours (500 and up) is one error event, grouped by its code
([0001](decisions/0001-error-code-in-the-fingerprint.md)). A caller's mistake is no event: its transaction shows it.
Nor is a 503 with the reason `overloaded` ([0009](decisions/0009-shed-load-is-no-error-event.md)). ISL_Y0_ERROR answers
nobody: where `ISL_Y0_CROSS_CHECK` is on and y0 answers otherwise than the service, Sentry is told, and the caller gets
the service's answer ([0018](decisions/0018-y0-is-a-second-opinion.md)). Its reason is then `estimand_differs` or
`verdict_differs`, or `y0_timeout` where y0 did not answer. ISL_MONTE_CARLO_ERROR comes of
the fault `new_error_code` alone.
"""
LEFT_OUT_TITLE: Final = """
## Codes of the platform that are left out

A code that nothing raises would be a promise: rules would wait for it, and callers would handle it.

| code | why |
|---|---|
"""


def render_catalogue() -> str:
    """Write the page."""
    left_out = {code: why for code, why in LEFT_OUT.items() if code not in ErrorCode.__members__}
    rows = "".join(f"| {code} | {why} |\n" for code, why in left_out.items())
    return INTRODUCTION + "\n" + "\n".join(_render_codes()) + "\n" + LEFT_OUT_TITLE + rows


def _render_codes() -> Iterator[str]:
    yield "| code | status | reason | retry | what the caller can do | in Sentry |"
    yield "|---|---|---|---|---|---|"
    for code in ErrorCode:
        spec = code.value
        retry = "yes" if spec.retryable else "no"
        seen = "error event" if spec.status >= SERVER_ERROR else "transaction"
        status, kind = (str(spec.status), "") if spec.is_answer else ("none", " of level warning")
        suggestion = spec.suggestion.replace("|", "\\|")
        yield f"| {code.name} | {status} | {spec.reason} | {retry} | {suggestion} | {seen}{kind} |"


if __name__ == "__main__":
    sys.stdout.write(render_catalogue())
