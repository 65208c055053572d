"""A difference, or a failure of y0, as the one event that Sentry gets of it."""

from typing import Final

import sentry_sdk

from monitors import signals
from service.cross_check.compare import Difference
from service.errors import Details, ErrorCode, IslError
from service.graph import CausalGraph

LEVEL: Final = "warning"  # the request went well


def build_report(cause: Difference | Exception) -> IslError:
    """Put it into the typed error of the catalogue. What y0 raised goes along as its cause."""
    if isinstance(cause, Difference):
        return IslError(ErrorCode.ISL_Y0_ERROR, cause.message, Details(reason=cause.reason))
    is_late = isinstance(cause, IslError) and cause.code is ErrorCode.ISL_TIMEOUT
    reason, message = ("y0_timeout", "y0 did not answer in time") if is_late else (None, "y0 failed")
    error = IslError(ErrorCode.ISL_Y0_ERROR, message, Details(reason=reason))
    error.__cause__ = None if is_late else cause
    return error


def send_report(error: IslError, graph: CausalGraph, treatment: str, outcome: str) -> None:
    """Send it as an event of the current request, with its id and its way so far."""
    with sentry_sdk.isolation_scope() as scope:
        # The SDK would count the request among those with errors; it has no other way to say that it went well.
        scope._session = None  # noqa: SLF001
        scope.set_level(LEVEL)
        edge_count = len(graph.edges) + len(graph.bidirected)
        asked = {"treatment": treatment, "outcome": outcome}
        scope.set_context(signals.DAG.name, {"node_count": len(graph.nodes), "edge_count": edge_count, **asked})
        sentry_sdk.capture_exception(error)
