"""One POST to a receiver -> None, or a TransportError that says whether to try again."""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from embedded.errors import TransportError

TIMEOUT_S: Final = 5.0  # Sentry's own for webhooks
REQUEST_TIMEOUT: Final = 408
TOO_MANY_REQUESTS: Final = 429
WORTH_A_RETRY: Final = (REQUEST_TIMEOUT, TOO_MANY_REQUESTS)  # of the 4xx; every other says that we are wrong
JSON: Final = {"content-type": "application/json"}


async def post(
    client: httpx.AsyncClient, receiver: str, url: str, content: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Return once the receiver has taken it with a 2xx; a redirect is none, and is not followed.

    Raises TransportError that names the receiver as `receiver`, never its URL, which for most of them is the secret.
    """
    try:
        answer = await client.post(url, content=content, headers={**JSON, **(headers or {})})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TransportError(f"{receiver}: {type(error).__name__}", permanent=False) from None
    if not answer.is_success:
        permanent = not answer.is_server_error and answer.status_code not in WORTH_A_RETRY
        wait = retry_after(answer.headers)
        raise TransportError(f"{receiver}: answered {answer.status_code}", permanent=permanent, retry_after=wait)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Read Retry-After, seconds or a date; None where it is absent, past or neither. Source: RFC 9110, 10.2.3.

    A date is meant by the receiver's own clock, which its Date header shows.
    """
    written = headers.get("retry-after", "")
    try:
        if written.replace(".", "", 1).isdecimal():  # Discord writes fractions of a second
            return timedelta(seconds=float(written))
        wait = parsedate_to_datetime(written) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):  # TypeError: only one of the dates says its zone
        return None
    return max(wait, timedelta(0))
