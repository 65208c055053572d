"""Faults on purpose: named flags, off unless a file says otherwise, refused in production by the settings.

A rehearsal replaces the file; every worker notices at its next evaluation. The flags are OpenFeature flags, so that
Sentry shows on each error which fault was on.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext

from service.ballast import Ballast
from service.dependency import Dependency, Verdict
from service.errors import ErrorCode, IslError
from service.fault_file import DEPENDENCY_KEY, ROUTE_KEY, FaultFileProvider
from service.fault_registry import (
    ADDED_LATENCY_MS,
    DEPENDENCY_DOWN,
    DEPENDENCY_SLOW,
    ERROR_RATE,
    MEMORY_PRESSURE,
    NEW_ERROR_CODE,
    SILENCE,
    Fault,
)

log: Final = logging.getLogger("isl.faults")
MS_PER_S: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Faults:
    """The switchboard of one worker."""

    client: OpenFeatureClient | None  # None: no faults file, nothing is ever evaluated
    ballast: Ballast = field(default_factory=Ballast)

    async def hold_back(self, route: str) -> None:
        """Make the current request wait as its flag says. Holds no thread, and called before there is work to hold."""
        if self.client is None:
            return
        delay_ms = self._read(ADDED_LATENCY_MS, EvaluationContext(attributes={ROUTE_KEY: route}))
        if delay_ms:
            await asyncio.sleep(delay_ms / MS_PER_S)

    def trip(self, route: str) -> None:
        """Fail the current request if its flags say so. Called once, in the middle of its computation.

        Raises IslError (ISL_MONTE_CARLO_ERROR or ISL_COMPUTATION_ERROR) when a failure flag hits this request.
        """
        if self.client is None:
            return
        context = EvaluationContext(attributes={ROUTE_KEY: route})
        self.ballast.hold(self._read(MEMORY_PRESSURE, context))
        if self._is_hit(NEW_ERROR_CODE, context):
            raise IslError(ErrorCode.ISL_MONTE_CARLO_ERROR, "The simulation did not produce usable draws")
        if self._is_hit(ERROR_RATE, context):
            raise IslError(ErrorCode.ISL_COMPUTATION_ERROR, "The computation broke off")

    def disturb(self, dependency: Dependency, limit_s: float) -> Verdict:
        """Do to a call what the flags of its dependency say: wait, at most `limit_s`, and tell how it is to end."""
        if self.client is None:
            return "ok"
        context = EvaluationContext(attributes={DEPENDENCY_KEY: dependency.value})
        if self._is_hit(DEPENDENCY_DOWN, context):
            return "down"
        if not self._is_hit(DEPENDENCY_SLOW, context):
            return "ok"
        delay_s = self.client.get_float_value(DEPENDENCY_SLOW.name, 0.0, context) / MS_PER_S
        time.sleep(min(delay_s, limit_s))
        return "timeout" if delay_s > limit_s else "ok"

    def is_silent(self, route: str) -> bool:
        """Tell if an error or a transaction of this route is to be kept back."""
        return self._is_hit(SILENCE, EvaluationContext(attributes={ROUTE_KEY: route}))

    def _read(self, fault: Fault, context: EvaluationContext) -> float:
        """Return the value of a flag that is hit, else 0."""
        if self.client is None or not self._is_hit(fault, context):
            return 0.0
        return self.client.get_float_value(fault.name, 0.0, context)

    def _is_hit(self, fault: Fault, context: EvaluationContext) -> bool:
        """Ask for the flag as a boolean, since Sentry's OpenFeature hook records nothing else."""
        return self.client is not None and self.client.get_boolean_value(
            fault.name, default_value=False, evaluation_context=context
        )


NO_FAULTS: Final = Faults(client=None)


def open_faults(path: Path | None) -> Faults:
    """Watch `path` in this process; without a path no flag exists. The file may appear, change and vanish later."""
    if path is None:
        return NO_FAULTS
    domain = f"isl.faults:{path}"  # a provider of its own, so that two apps in one process do not share faults
    api.set_provider_and_wait(FaultFileProvider(path), domain)
    log.warning("fault injection is possible here, by a faults file")
    return Faults(api.get_client(domain))
