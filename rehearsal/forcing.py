"""Strangers who decide what is traced: requests with trace headers of their own, and whether the service heeds them."""

import secrets
from collections.abc import Collection
from datetime import timedelta
from math import comb
from typing import Final

import httpx

from loadtest.ledger import FORCED, NO_ANSWER, answered, reason_of, unanswered
from rehearsal.clock import now
from rehearsal.disturbance import Forced, Forcing
from rehearsal.stack import Stack
from rehearsal.verdict import Finding, Status

TIMEOUT_S: Final = 10.0
# A share this far off happens by chance in one rehearsal of a million.
CHANCE: Final = 1e-6
# The random number of the trace, by which an SDK decides that follows the caller: nearly 0 is always sampled, nearly 1
# never.
ALWAYS: Final = "0.000001"
NEVER: Final = "0.999999"


class Stranger:
    """Sends such requests to a service under load, and writes each to the ledger."""

    def __init__(self, stack: Stack, forcing: Forcing) -> None:
        self._stack, self._forcing = stack, forcing
        self._key = stack.service_key.read_text() if stack.plan.takes_key else ""
        self._client = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
        self._ids: dict[bool, list[str]] = {True: [], False: []}

    def leave(self) -> Forced:
        """Close the connection and return what was asked."""
        self._client.close()
        return Forced(tuple(self._ids[True]), tuple(self._ids[False]))

    def ask(self, *, is_sampled: bool) -> None:
        """Send one request that says that it is sampled, or that it is not."""
        forcing, request_id, sent_at = self._forcing, f"req_{secrets.token_hex(8)}", now()
        entry = unanswered(request_id, FORCED, forcing.method, forcing.target.partition("?")[0], sent_at.timestamp())
        self._stack.write_ledger(entry)
        status, reason = NO_ANSWER, None
        try:
            answer = self._client.request(
                forcing.method,
                self._stack.urls["service"] + forcing.target,
                headers=self._headers(request_id) | trace_headers(is_sampled=is_sampled),
                content=forcing.body.encode(),
            )
        except httpx.HTTPError:
            pass
        else:
            status = answer.status_code
            reason = reason_of(answer.text) if answer.is_server_error else None
        self._stack.write_ledger(answered(entry, (now() - sent_at) / timedelta(milliseconds=1), status, None, reason))
        self._ids[is_sampled].append(request_id)

    def _headers(self, request_id: str) -> dict[str, str]:
        key = {"X-API-Key": self._key} if self._key else {}
        body = {"Content-Type": "application/json"} if self._forcing.body else {}
        return {"X-Request-Id": request_id} | key | body


def trace_headers(*, is_sampled: bool) -> dict[str, str]:
    """The headers of a caller that wants it so by all means: flag, rate, random number and trace id.

    Source: https://develop.sentry.dev/sdk/telemetry/traces/dynamic-sampling-context/, read 2026-11
    """
    trace_id = secrets.token_hex(16)
    decided = {
        "trace_id": trace_id,
        "sampled": str(is_sampled).lower(),
        "sample_rate": "1.0" if is_sampled else "0.0",
        "sample_rand": ALWAYS if is_sampled else NEVER,
    }
    return {
        "sentry-trace": f"{trace_id}-{secrets.token_hex(8)}-{int(is_sampled)}",
        "baggage": ",".join(f"sentry-{name}={value}" for name, value in decided.items()),
    }


def judge_forced(forced: Forced, traced: Collection[str | None], rate: float) -> Finding:
    """Compare what was traced of the strangers' requests with the configured rate, by the exact binomial tail."""
    what = f"no stranger decides what is traced, configured are {rate:.0%}"
    asked_in = [each for each in forced.in_ids if each in traced]
    kept_out = [each for each in forced.out_ids if each not in traced]
    kinds = ((len(asked_in), len(forced.in_ids)), (len(forced.out_ids) - len(kept_out), len(forced.out_ids)))
    seen = (
        f"{kinds[0][0]} traced of {kinds[0][1]} that asked for it, {kinds[1][0]} of {kinds[1][1]} that asked not to be"
    )
    is_more = [upper_tail(hits, count, rate) < CHANCE for hits, count in kinds]
    is_less = [upper_tail(count - hits, count, 1 - rate) < CHANCE for hits, count in kinds]
    if all(is_more) or all(is_less):
        word = "more" if all(is_more) else "less"
        return Finding(Status.FAILED, what, f"whoever asks, {word} is traced than configured: {seen}")
    if is_more[0]:
        return Finding(Status.FAILED, what, f"forced by a caller, for example {asked_in[0]}: {seen}")
    if is_less[1]:
        return Finding(Status.FAILED, what, f"kept out by a caller, for example {kept_out[0]}: {seen}")
    return Finding(Status.HELD, what, seen)


def upper_tail(hits: int, count: int, share: float) -> float:
    """The probability of so many hits or more among `count`, each by chance."""
    return sum(comb(count, each) * share**each * (1 - share) ** (count - each) for each in range(hits, count + 1))
