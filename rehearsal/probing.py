"""Is a part there? Whatever Sentry gets to know of a probe is in the ledger."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx

from loadtest.ledger import NO_ANSWER, PROBE, LedgerWriter, answered, unanswered
from rehearsal.clock import now

TIMEOUT_S: Final = 2.0
PATIENCE_S: Final = 20.0  # for a release that is still starting: the connection waits in its queue


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks a service whether it is ready."""

    url: str
    ledger: Path | None  # None: Sentry hears nothing of probes

    def ask(self, timeout_s: float = TIMEOUT_S) -> httpx.Response | None:
        """Return its answer; None where there is none."""
        sent_at = now()
        entry = unanswered(f"req_{secrets.token_hex(8)}", PROBE, "GET", httpx.URL(self.url).path, sent_at.timestamp())
        answer = None
        try:
            answer = httpx.get(self.url, headers={"X-Request-Id": entry.request_id}, timeout=timeout_s, trust_env=False)
        except httpx.ConnectError:
            return None  # nobody listens yet: nothing was sent
        except httpx.HTTPError:
            pass
        if self.ledger is not None:
            status = NO_ANSWER if answer is None else answer.status_code
            writer = LedgerWriter(self.ledger)
            writer.write(answered(entry, (now() - sent_at) / timedelta(milliseconds=1), status, None))
            writer.close()
        return answer
