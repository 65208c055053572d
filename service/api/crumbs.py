"""What Sentry is told of a computation, and of the way to an error. Sizes and the asked pair only, never the graph."""

import sentry_sdk

from monitors import signals


def leave_crumb(message: str, **data: str | int) -> None:
    """Note that a step has begun."""
    sentry_sdk.add_breadcrumb(category=signals.CRUMB_VALIDATION.name, message=message, data=data)


def describe(computation: str, node_count: int, edge_count: int, treatment: str, outcome: str) -> None:
    """Name what is being computed, on errors and on the transaction."""
    scope = sentry_sdk.get_isolation_scope()
    scope.set_tag(signals.COMPUTATION_TYPE.name, computation)
    scope.set_context(
        signals.DAG.name,
        {"node_count": node_count, "edge_count": edge_count, "treatment": treatment, "outcome": outcome},
    )
