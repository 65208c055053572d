"""The cross-check of one worker: one question at a time, in a process of its own, and never the request's matter.

y0 cannot be told to stop, and keeps the interpreter while it computes: hence the process, which is ended at its limit.
"""

import logging
import threading
import time
from typing import Final

from monitors import signals
from service.apart import Process, ProcessLostError
from service.cross_check.compare import compare, is_small
from service.cross_check.report import build_report, send_report
from service.errors import IslError
from service.graph import CausalGraph
from service.identification.answer import Identification, NotIdentifiable
from service.identification.estimand import Expression
from service.identification.projection import project_latents
from service.rate_limit import RateLimit, Windows
from service.spans import start_span

log: Final = logging.getLogger("isl.cross_check")
# What its process reads before the first question.
READS: Final = ("service.cross_check.y0_answer", "service.cross_check.compare")
LIMIT_S: Final = 1.0  # a small graph takes y0 60 ms at most: what needs longer hangs
OPEN_S: Final = 30.0  # reading y0 and pandas takes half a second, and many times that on a busy machine
# Of a worker: each disagreement is news, but a y0 that is broken fails for every graph.
REPORTS: Final = RateLimit(20, 3600)


class CrossCheck:
    """Asks y0 for the computing threads of one worker; without a process it asks nobody, and costs nothing."""

    def __init__(self, process: Process | None) -> None:
        self._process = process
        self._turn = threading.Lock()  # of the process, and of the count of reports
        self._reports = Windows(REPORTS)

    def open(self) -> None:
        """Start the process, and wait for it, so that the first graphs are checked as well.

        Raises ProcessLostError where y0 is there and cannot be read; its process has said why.
        """
        if self._process is None:
            return
        try:
            self._process.await_ready(OPEN_S)
        except ProcessLostError:
            log.error("ISL_Y0_CROSS_CHECK is true, and y0 cannot be read: mend it, or switch the check off")
            raise

    def check(
        self, graph: CausalGraph, treatment: str, outcome: str, found: Identification | NotIdentifiable, left_s: float
    ) -> None:
        """Ask y0 what was just found, and report a different answer, or none. Raises nothing.

        Skipped: graphs that are not small, what comes while y0 is asked or its process begins anew, since nobody is to
        wait for another's question, and a request that has less than LIMIT_S left.
        """
        process = self._process
        if process is None or left_s < LIMIT_S:
            return
        observed = project_latents(graph)
        if not is_small(observed) or not self._turn.acquire(blocking=False):
            return
        try:
            if process.is_ready():
                ours = found.expression if isinstance(found, Identification) else None
                error = _ask(process, observed, treatment, outcome, ours)
                if error is not None:
                    self._report(error, graph, treatment, outcome)
        finally:
            self._turn.release()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()

    def _report(self, error: IslError, graph: CausalGraph, treatment: str, outcome: str) -> None:
        left, _ = self._reports.hit(error.code.name, time.monotonic())
        if left >= 0:
            send_report(error, graph, treatment, outcome)
        sent = "" if left >= 0 else "; not sent to Sentry, since many were in this hour"
        log.warning("y0 as a second opinion: %s%s", error, sent)


def _ask(
    process: Process, observed: CausalGraph, treatment: str, outcome: str, ours: Expression | None
) -> IslError | None:
    with start_span(signals.OP_CROSS_CHECK, "ask y0"):
        try:
            difference = process.call(compare, (observed, treatment, outcome, ours), LIMIT_S, LIMIT_S)
        except Exception as failure:  # noqa: BLE001  # whatever a library raises must not fail the request
            return build_report(failure)
    return None if difference is None else build_report(difference)
