"""Requests that carry secrets: filled in, sent, and written to the ledger as every request is."""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from string import Template
from typing import Final
from urllib.parse import quote

import httpx

from loadtest.ledger import NO_ANSWER, PLANTED, answered, reason_of, unanswered
from rehearsal.clock import now
from rehearsal.disturbance import Carrier
from rehearsal.privacy.secret import Mint, Planted, Secret
from rehearsal.stack import Stack

TIMEOUT_S: Final = 10.0
REQUEST_ID: Final = "X-Request-Id"
API_KEY: Final = "X-API-Key"
# What callers, proxies and browsers send of themselves and of people, on every carrier.
HEADERS: Final = (
    "Authorization: Bearer $token",
    "Proxy-Authorization: Basic $token",
    "Cookie: session=$token; user=$email",
    "X-Csrf-Token: $token",
    "X-Forwarded-For: $address",
    'Forwarded: for="[$address]"',
    "X-Real-Ip: $address",
    "From: $email",
    "Referer: https://app.example/people?email=$email",
    "X-User-Name: $text",
    "Baggage: user=$email",
)


class Planter:
    """Sends carriers to a service under load. The key that opens the service is looked for as well."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._mint = Mint()
        self._request_ids: list[str] = []
        self._key = stack.service_key.read_text() if stack.plan.takes_key else ""
        self._secrets: list[Secret] = []
        if self._key:
            self._secrets.append(Secret("key", self._key, self._key, f"header {API_KEY} of every request"))

    def plant(self, carrier: Carrier) -> None:
        """Send one carrier with fresh secrets, with its fault on for as long as that takes."""
        headers = self._headers(carrier)
        request_id = f"req_{secrets.token_hex(8)}"
        headers.setdefault(REQUEST_ID.encode(), request_id.encode())
        target = self._fill(carrier.target, f"the URL of {carrier}", quote)
        body = self._fill(carrier.body, f"the body of {carrier}", _escape_json)
        if body:
            headers.setdefault(b"Content-Type", b"application/json")
        if carrier.fault:
            self._stack.set_fault(carrier.fault)
        try:
            self._send(carrier, request_id, target, headers, body)
        finally:
            if carrier.fault:
                self._stack.set_fault()

    @property
    def planted(self) -> Planted:
        return Planted(self._mint.mark, tuple(self._secrets), tuple(self._request_ids))

    def _headers(self, carrier: Carrier) -> dict[bytes, bytes]:
        # A carrier's own header takes the place of a usual one.
        pairs = {name: value for name, _, value in (each.partition(": ") for each in (*HEADERS, *carrier.headers))}
        key = {API_KEY.encode(): self._key.encode()} if self._key else {}
        return key | {
            name.encode(): self._fill(value, f"header {name} of {carrier}", str).encode("latin-1")
            for name, value in pairs.items()
        }

    def _fill(self, template: str, where: str, escape: Callable[[str], str]) -> str:
        """Put secrets in; a kind that is there twice is one secret, since bodies name things and refer to them."""
        names = Template(template).get_identifiers()
        made = {name: self._mint.make(name, where) for name in names}
        self._secrets += made.values()
        return Template(template).substitute({name: escape(secret.value) for name, secret in made.items()})

    def _send(self, carrier: Carrier, request_id: str, target: str, headers: dict[bytes, bytes], body: str) -> None:
        sent_at = now()
        entry = unanswered(request_id, PLANTED, carrier.method, str(carrier).partition(" ")[2], sent_at.timestamp())
        url = self._stack.urls["service"] + target
        try:
            answer = httpx.request(
                carrier.method, url, headers=headers, content=body.encode(), timeout=TIMEOUT_S, trust_env=False
            )
        except httpx.HTTPError:
            status, reason = NO_ANSWER, None
        else:
            status = answer.status_code
            reason = reason_of(answer.text) if answer.is_server_error else None
            # The service replaces an id that is none, and a carrier may have put a secret there.
            entry = replace(entry, request_id=answer.headers.get(REQUEST_ID, request_id))
        latency_ms = (now() - sent_at) / timedelta(milliseconds=1)
        self._stack.write_ledger(answered(entry, latency_ms, status, None, reason))
        self._request_ids.append(entry.request_id)


def _escape_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]
