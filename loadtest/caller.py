"""A user of the load: sends one kind of request at its share of the rate, and writes each to the ledger.

Arrivals are Poisson, as from many independent callers: each user draws its next instant, however long the last answer
took, so that all of them together send `--rate` requests a second. LOAD_API_KEY is the service's key, if it wants one.
A Locust file of your own takes `Caller` from here, and with it the arguments `--rate` and `--ledger`.
"""

import os
import random
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import gevent
from locust import FastHttpUser, events, task
from locust.exception import StopUser

from loadtest.ledger import NO_ANSWER, SERVER_ERROR, LedgerWriter, answered, reason_of, unanswered
from loadtest.shapes import SHAPES

TIMEOUT_S: Final = 30.0
MAX_DEBT_S: Final = 1.0  # arrivals that a user could not make are dropped, else they would all come after a slow phase
STOP_POLL_S: Final = 0.1
OK: Final = 200
state: dict[str, Any] = {}  # the ledger and the pace, set when the test starts


@events.init_command_line_parser.add_listener
def _add_arguments(parser: Any) -> None:
    parser.add_argument(
        "--rate", type=float, default=20.0, env_var="LOCUST_RATE", help="requests per second of all users together"
    )
    parser.add_argument("--shape", choices=list(SHAPES), default="steady", help="how the rate changes over the span")
    # Locust's own --run-time never reaches the processes that send.
    parser.add_argument("--span", type=float, default=0.0, help="seconds that the shape is stretched over; 0: none")
    parser.add_argument("--ledger", default="var/ledger.jsonl", help="file that every request is appended to")


@events.init.add_listener
def _prepare(environment: Any, **_: Any) -> None:
    options = environment.parsed_options
    state["ledger"] = LedgerWriter(Path(options.ledger))
    state["is_stopping"] = False
    key = os.environ.get("LOAD_API_KEY")
    state["headers"] = {"X-API-Key": key} if key else {}
    state["rate_per_user"] = options.rate / max(1, options.num_users or 1)
    state["shape"], state["span_s"] = SHAPES[options.shape], options.span
    state["began"] = time.perf_counter()


@events.test_start.add_listener
def _begin(**_: Any) -> None:
    state["began"], state["is_stopping"] = time.perf_counter(), False


@events.test_stopping.add_listener
def _begin_no_more(**_: Any) -> None:
    state["is_stopping"] = True


@events.quit.add_listener  # and not `quitting`: that comes before the last requests have ended
def _close(**_: Any) -> None:
    state["ledger"].close()


def _share(due: float) -> float:
    """The shape's share of the full rate at an instant; the last one from the end on."""
    if not state["span_s"]:
        return 1.0
    return float(state["shape"](min(1.0, max(0.0, (due - state["began"]) / state["span_s"]))))


class Caller(FastHttpUser):  # type: ignore[misc]
    """Sends one kind of request and writes each to the ledger."""

    abstract = True
    network_timeout = TIMEOUT_S
    connection_timeout = TIMEOUT_S
    intent = ""
    method = "POST"
    route = ""
    expected_status = OK
    expected_keys: tuple[str, ...] = ()
    echoes_request_id = True  # does the service answer with the id that it was sent?

    def on_start(self) -> None:
        self.choose = random.Random()
        self.due = self.drawn = self.free = time.perf_counter()
        self.wait_time()  # else all users would begin in the same instant
        while not state["is_stopping"] and (left := self.due - time.perf_counter()) > 0:
            gevent.sleep(min(left, STOP_POLL_S))  # Locust does not wake up who is still starting

    def wait_time(self) -> float:
        """Seconds until this user's next arrival; 0 when it is overdue.

        Arrivals are drawn at the full rate and kept with the shape's share of it at their time.
        Source: Lewis and Shedler 1979, "Simulation of nonhomogeneous Poisson processes by thinning"
        """
        self.due += self.choose.expovariate(state["rate_per_user"])
        while self.choose.random() >= _share(self.due):
            self.due += self.choose.expovariate(state["rate_per_user"])
        self.free, self.drawn = time.perf_counter(), self.due
        self.due = max(self.due, self.free - MAX_DEBT_S)
        return max(0.0, self.due - self.free)

    def body(self) -> dict[str, Any] | None:
        """What is sent as JSON; nothing unless an intent says otherwise."""
        return None

    def headers(self) -> dict[str, str]:
        """What is sent beside the request id and the key."""
        return {}

    def query(self) -> str:
        """What follows the route, with its question mark; the ledger and Sentry know the route alone."""
        return ""

    @task
    def ask(self) -> None:
        """Send one request under a fresh id, and write down how it ended."""
        if state["is_stopping"]:  # Locust kills who is waiting, and some of them wake up before the kill arrives
            raise StopUser
        request_id = f"req_{secrets.token_hex(8)}"
        sent_at, started = time.time(), time.perf_counter()  # noqa: TID251 - the ledger's own clock
        entry = replace(
            unanswered(request_id, self.intent, self.method, self.route, sent_at),
            late_ms=max(0.0, started - self.drawn) * 1000,
            lag_ms=max(0.0, started - max(self.drawn, self.free)) * 1000,
        )
        state["ledger"].write(entry)
        with self.client.request(
            self.method,
            self.route + self.query(),
            json=self.body(),
            headers=state["headers"] | self.headers() | {"X-Request-Id": request_id},
            catch_response=True,
            name=self.intent,
        ) as answer:
            latency_ms = (time.perf_counter() - started) * 1000
            problem = self.check(answer, request_id)
            answer.success() if problem is None else answer.failure(problem)
        status = answer.status_code or NO_ANSWER
        reason = reason_of(answer.text) if status >= SERVER_ERROR else None
        state["ledger"].write(answered(entry, latency_ms, status, problem, reason))

    def check(self, answer: Any, request_id: str) -> str | None:
        """Say what is wrong with the answer: its status, its request id, or its shape."""
        if answer.status_code != self.expected_status:
            return f"status {answer.status_code}, expected {self.expected_status}"
        if self.echoes_request_id and answer.headers.get("x-request-id") != request_id:
            return f"X-Request-Id {answer.headers.get('x-request-id')!r}, sent {request_id!r}"
        if not self.expected_keys:
            return None
        try:
            body = answer.json()
        except ValueError:
            return "the body is not JSON"
        missing = [key for key in self.expected_keys if not isinstance(body, dict) or key not in body]
        return f"the body lacks {', '.join(missing)}" if missing else None
