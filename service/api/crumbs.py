"""What Sentry is told of a computation, and of the way to an error. Sizes and the asked pair only, never the graph."""

import sentry_sdk

from monitors import signals


def leave_crumb(message: str, **data: str | int) -> None:
    """Note that a step has begun."""
    sentry_sdk.add_breadcrumb(category=signals.CRUMB_VALIDATION.name, message=message, data=data)


def name_computation(computation: str) -> None:
    """Say what is being computed, on errors and on the transaction."""
    sentry_sdk.get_isolation_scope().set_tag(signals.COMPUTATION_TYPE.name, computation)


def describe(computation: str, node_count: int, edge_count: int, treatment: str, outcome: str) -> None:
    """Name a computation on a graph, and say how large it is."""
    name_computation(computation)
    sentry_sdk.get_isolation_scope().set_context(
        signals.DAG.name,
        {"node_count": node_count, "edge_count": edge_count, "treatment": treatment, "outcome": outcome},
    )
