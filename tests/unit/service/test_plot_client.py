"""The client of PLoT, against the real stand-in and against servers that misbehave on a real socket."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.dependency import Verdict
from service.outcomes import Forecast, Option
from service.plot.client import FAILURES_TO_OPEN, PlotClient, PlotUnavailableError
from tests.path.engine import free_port

OPTIONS = (Option("keep", 120.0, 15.0), Option("ten", 138.0, 25.0))
GOOD = {"win_probability": 0.5, "expected_regret": 1.0}


@dataclass
class Scripted:
    """A PLoT that answers as told: status and body, or None to hang until the client has gone."""

    answers: list[tuple[int, object] | None] = field(default_factory=list)
    asked: int = 0
    url: str = ""


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A scripted PLoT on a free port."""
    script, is_over = Scripted(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            script.asked += 1
            answer = script.answers.pop(0) if script.answers else (200, GOOD)
            if answer is None:
                is_over.wait()
                return
            self.send_response(answer[0])
            self.end_headers()
            self.wfile.write(json.dumps(answer[1]).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield script
    is_over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up soon, so that a test does not wait."""
    monkeypatch.setattr("service.plot.client.READ_TIMEOUT_S", 0.2)


def _ask(client: PlotClient) -> str:
    """Ask once; `ok`, or the reason why not."""
    try:
        client.run(OPTIONS, "ten")
    except PlotUnavailableError as error:
        return error.reason
    return "ok"


def test_the_stand_in_speaks_the_client_s_language(plot_url: str) -> None:
    client = PlotClient(plot_url)
    client.check()
    assert client.run(OPTIONS, "ten").win_probability == pytest.approx(0.7315, abs=0.002)
    compared = client.compare((Forecast(138.0, 25.0, 130.5),))
    assert (compared.count, compared.bias, compared.coverage_90) == pytest.approx((1, -0.3, 1.0))
    client.close()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_one_failure_on_the_way_is_tried_again(scripted: Scripted, status: int) -> None:
    scripted.answers = [(status, {})]
    client = PlotClient(scripted.url)
    assert (_ask(client), scripted.asked) == ("ok", 2)
    client.close()


@pytest.mark.parametrize(
    ("answers", "reason", "asked"),
    [
        ([(503, {}), (503, {})], "status_503", 2),
        ([(500, {})], "status_500", 1),
        ([(422, {})], "status_422", 1),
        ([(200, {})], "unusable_answer", 1),
        ([(200, {"win_probability": 7, "expected_regret": 0})], "unusable_answer", 1),
        ([None], "timeout", 1),
    ],
)
@pytest.mark.usefixtures("quick")
def test_what_will_not_get_better_is_not_tried_again(
    scripted: Scripted, answers: list[tuple[int, object] | None], reason: str, asked: int
) -> None:
    scripted.answers = answers
    client = PlotClient(scripted.url)
    assert (_ask(client), scripted.asked) == (reason, asked)
    client.close()


def test_nobody_there_is_named() -> None:
    client = PlotClient(f"http://127.0.0.1:{free_port()}")
    assert _ask(client) == "connection_failed"
    with pytest.raises(PlotUnavailableError, match="connection_failed"):
        client.check()
    client.close()


def test_breaker_opens_spares_the_other_and_closes_again(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted.answers = [(500, {})] * FAILURES_TO_OPEN
    client = PlotClient(scripted.url)
    assert [_ask(client) for _ in range(FAILURES_TO_OPEN)] == ["status_500"] * FAILURES_TO_OPEN
    assert [_ask(client) for _ in range(20)] == ["circuit_breaker_open"] * 20
    assert scripted.asked == FAILURES_TO_OPEN
    monkeypatch.setattr(client._breaker, "_recovery_timeout", 0)  # its time is over
    scripted.answers = [(500, {})]
    assert (_ask(client), client._breaker._failure_count) == ("status_500", FAILURES_TO_OPEN + 1)
    assert [_ask(client), _ask(client)] == ["ok", "ok"]
    assert client._breaker.closed
    client.close()


@pytest.mark.usefixtures("quick")
def test_slow_calls_do_not_queue_behind_each_other(scripted: Scripted) -> None:
    """A breaker that held a lock while it calls would make the last of these wait for all others."""
    scripted.answers = [None] * 4
    client, reasons = PlotClient(scripted.url), []
    threads = [threading.Thread(target=lambda: reasons.append(_ask(client))) for _ in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while scripted.asked < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    asked_before_any_gave_up = scripted.asked
    for thread in threads:
        thread.join()
    assert (asked_before_any_gave_up, reasons) == (4, ["timeout"] * 4)
    client.close()


@pytest.mark.parametrize(("verdict", "reason"), [("down", "connection_failed"), ("timeout", "timeout")])
def test_faults_look_like_the_real_thing(scripted: Scripted, verdict: Verdict, reason: str) -> None:
    client = PlotClient(scripted.url, lambda _limit_s: verdict)
    assert (_ask(client), scripted.asked) == (reason, 0)
    client.close()
