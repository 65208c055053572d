"""Faults on purpose on the way to PLoT, below the client: its retries and its breaker are the real ones."""

import httpx

from service.dependency import Interference


class InterferingTransport(httpx.BaseTransport):
    """The network's transport, in front of which a fault may wait, hang up or time out."""

    def __init__(self, inner: httpx.BaseTransport, interfere: Interference) -> None:
        self._inner = inner
        self._interfere = interfere

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on unless a fault takes it. Raises httpx.ConnectError or httpx.ReadTimeout then."""
        verdict = self._interfere(request.extensions["timeout"]["read"])
        if verdict == "down":
            raise httpx.ConnectError("made to fail by a fault", request=request)
        if verdict == "timeout":
            raise httpx.ReadTimeout("made to take too long by a fault", request=request)
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the network's transport."""
        self._inner.close()
