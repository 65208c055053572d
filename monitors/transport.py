"""Calls to Sentry's web API over HTTP: who we are, how long we wait, what is tried again, and what an error means.

Source: https://docs.sentry.io/api/ (authentication, pagination, rate limits), read 2026-11.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import httpx

from monitors.errors import ApiError

Params = Mapping[str, str | int | Sequence[str]]

TIMEOUT_S: Final = 30.0  # a full Sentry tests a new monitor's query, which is slow
CONNECT_TIMEOUT_S: Final = 5.0
MAX_ATTEMPTS: Final = 4
FIRST_PAUSE_S: Final = 0.25  # doubles: 0.25, 0.5 and 1 s before the last attempt
MAX_RETRY_AFTER_S: Final = 30  # a server that asks for more is told on, not waited for
SECONDS: Final = r"[0-9]{1,9}"  # of Retry-After
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# A create that broke off may have happened, so it is not sent twice; plan and apply find out by name.
IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})
MAX_DETAIL_CHARS: Final = 500  # of a server's message; its HTML pages are longer than they are helpful
NOT_JSON: Final = (ValueError, RecursionError)  # the second of brackets without end
HINTS: Final = {
    401: "the token is not accepted; check SENTRY_AUTH_TOKEN, which must be a user token of that Sentry",
    403: "the token may not do this; give it the scopes org:read, org:write, team:read, project:read, project:write,"
    " event:read, alerts:read, alerts:write",
    404: "not found; check SENTRY_ORG, SENTRY_PROJECT and the team, and that the token may see them",
}


class Transport:
    """A connection to one Sentry. Close it, or use it in a `with`. `sleep` takes seconds."""

    def __init__(
        self, base_url: str, token: str, sleep: Callable[[float], None] = time.sleep, timeout_s: float = TIMEOUT_S
    ) -> None:
        # The token must not follow a redirect to another host, so none is followed (httpx's default). A proxy from the
        # environment would look for a loopback address on its own machine.
        is_local = httpx.URL(base_url).host in LOOPBACK
        self._http = httpx.Client(
            base_url=f"{base_url.rstrip('/')}/api/0/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),
            trust_env=not is_local,
        )
        self._base_url = base_url
        self._sleep = sleep

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, *, params: Params | None = None, body: Any = None) -> Any:
        """Return the parsed JSON of one answer, None if it has no body. Raises ApiError for all but success."""
        return _parse(self._send(method, path, params, body))

    def pages(self, path: str, params: Params | None = None) -> Iterator[Any]:
        """Yield the parsed JSON of every page. Raises ApiError as `call` does, or if the pages go round in a circle."""
        cursor, seen = "", set[str]()
        while True:
            response = self._send("GET", path, {**(params or {}), **({"cursor": cursor} if cursor else {})}, None)
            yield _parse(response)
            # The link's own address may name a host that is only known inside of Sentry: only its cursor is used.
            following = response.links.get("next", {})
            cursor = following.get("cursor", "")
            if following.get("results") != "true" or not cursor:
                return
            if cursor in seen:
                raise _error(response, f"cursor {cursor!r} comes twice, the pages would never end")
            seen.add(cursor)

    def _send(self, method: str, path: str, params: Params | None, body: Any) -> httpx.Response:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            is_last = attempt == MAX_ATTEMPTS
            pause_s = FIRST_PAUSE_S * 2 ** (attempt - 1)
            try:
                response = self._http.request(method, path, params=params, json=body)
            except httpx.RequestError as error:  # no answer, or one that cannot be unpacked
                if is_last or not (method in IDEMPOTENT or isinstance(error, httpx.ConnectError)):
                    raise self._unreachable(method, error) from error
            else:
                wait_s = _wait_s(response, pause_s)
                if is_last or wait_s is None:
                    return _check(response)
                pause_s = wait_s
            self._sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _unreachable(self, method: str, error: httpx.RequestError) -> ApiError:
        url = str(error.request.url)
        if isinstance(error, httpx.ConnectError):
            return ApiError(None, method, url, f"no connection; is Sentry running at {self._base_url}? ({error})")
        return ApiError(None, method, url, f"no answer: {type(error).__name__} {error}".rstrip())


def _wait_s(response: httpx.Response, pause_s: float) -> float | None:
    """Return how long to wait before the next attempt, None if there is to be none."""
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:  # refused unread, so even a create may be sent again
        asked = response.headers.get("Retry-After", "")
        asked_s = float(asked) if re.fullmatch(SECONDS, asked) else pause_s  # a date is as good as nothing
        return asked_s if asked_s <= MAX_RETRY_AFTER_S else None
    if response.is_server_error and response.request.method in IDEMPOTENT:
        return pause_s
    return None


def _check(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    if response.is_redirect:
        raise _error(response, f"redirected to {response.headers.get('Location')}; check SENTRY_URL")
    hint = HINTS.get(response.status_code)
    detail = f"HTTP {response.status_code}: {_said(response)}"
    raise _error(response, f"{detail} - {hint}" if hint else detail)


def _said(response: httpx.Response) -> str:
    """What the server says went wrong, shortened."""
    try:
        said = response.json()
    except NOT_JSON:
        said = response.text
    detail = said["detail"] if isinstance(said, dict) and set(said) == {"detail"} else said
    return str(detail or response.reason_phrase)[:MAX_DETAIL_CHARS]


def _parse(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except NOT_JSON:
        raise _error(response, "the answer is no JSON; is this the address of a Sentry?") from None


def _error(response: httpx.Response, detail: str) -> ApiError:
    return ApiError(response.status_code, response.request.method, str(response.request.url), detail)
