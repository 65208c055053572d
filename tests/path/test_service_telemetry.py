"""The service as it is run, the real SDK in it, and what arrives on a real socket."""

import platform
import subprocess
from pathlib import Path

import pytest

from tests.path.engine import DEADLINE_S, ROOT, free_port
from tests.path.isl import Receiver, Start, command, environ, sentry

VALIDATE = "/api/v1/causal/validate"
DAG = {"nodes": ["tell_tale_z", "x", "y"], "edges": [["tell_tale_z", "x"], ["tell_tale_z", "y"], ["x", "y"]]}
VALID = {"dag": DAG, "treatment": "x", "outcome": "y"}


def test_injected_failure_is_one_event_with_all_that_a_person_needs(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver, ISL_RUNBOOK_URL="https://runbooks.example/isl/{code}"))
    service.set_faults({"error_rate": {"value": 1, "routes": ["/api/v1/causal/validate"]}})
    sent = {"X-Request-Id": "req_00000000000000aa", "X-Auth-Token": "tell-tale-token"}
    response = service.send(f"{VALIDATE}?q=tell-tale-query", VALID, **sent)
    assert (response.status_code, response.json()["code"]) == (500, "ISL_COMPUTATION_ERROR")
    assert response.headers["X-Request-Id"] == response.json()["request_id"] == "req_00000000000000aa"
    log = service.terminate()

    [event] = receiver.of_type("event")
    expected = {
        "request_id": "req_00000000000000aa",
        "error_code": "ISL_COMPUTATION_ERROR",
        "retryable": "true",
        "service": "isl",
        "source": "isl",
        "computation_type": "identify",
        "runbook": "https://runbooks.example/isl/ISL_COMPUTATION_ERROR",
    }
    assert {name: event["tags"].get(name) for name in expected} == expected
    assert event["fingerprint"] == ["ISL_COMPUTATION_ERROR"]
    assert event["contexts"]["error_schema"] == {
        "code": "ISL_COMPUTATION_ERROR",
        "reason": "internal_error",
        "source": "isl",
        "retryable": True,
    }
    assert event["contexts"]["dag"] == {"node_count": 3, "edge_count": 3, "treatment": "x", "outcome": "y"}
    assert event["contexts"]["runtime"] == {"name": "CPython", "version": platform.python_version()}
    assert {"flag": "error_rate", "result": True} in event["contexts"]["flags"]["values"]
    assert event["exception"]["values"][-1]["mechanism"]["handled"] is True
    assert (event["environment"], event["transaction"]) == ("development", VALIDATE)
    assert event["release"].startswith("isl@")
    assert event["release"].endswith("+0123456789ab")
    assert "[req_00000000000000aa] failed with ISL_COMPUTATION_ERROR" in log
    # Neither the graph, nor the locals, the query or a header of the caller's went out.
    assert "tell_tale" not in receiver.text()
    assert "tell-tale" not in receiver.text()


def test_new_code_is_an_issue_of_its_own(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver))
    service.set_faults({"new_error_code": {"value": 1}})
    assert service.send(VALIDATE, VALID).json()["code"] == "ISL_MONTE_CARLO_ERROR"
    service.terminate()
    assert [event["fingerprint"] for event in receiver.of_type("event")] == [["ISL_MONTE_CARLO_ERROR"]]


def test_unhandled_errors_are_one_unhandled_event_each(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver))
    responses = [service.send(f"/bug/{kind}") for kind in "abc"]
    assert [response.status_code for response in responses] == [500] * 3
    log = service.terminate()
    events = receiver.of_type("event")
    assert [event["tags"]["request_id"] for event in events] == [each.json()["request_id"] for each in responses]
    assert [event["exception"]["values"][-1]["mechanism"]["handled"] for event in events] == [False] * 3
    assert events[0]["fingerprint"] == ["{{ default }}", "ISL_COMPUTATION_ERROR"]
    assert events[0]["tags"]["error_code"] == "ISL_COMPUTATION_ERROR"
    # The source line of the bug names the local; its value in a frame would come as `vars`.
    assert '"vars"' not in receiver.text()
    assert f"[{responses[0].json()['request_id']}] Exception in ASGI application" in log
    # A second event of the same error, dropped by the SDK's dedupe, would be counted here and spoil the books.
    assert {each["reason"] for each in receiver.discarded()} <= {"sample_rate"}


LEAK = "/leak/1?q=tell-tale"
CARELESS = {"X-User-Id": "tell-tale", "Cookie": "a=tell-tale", "User-Agent": "x token=tell-tale", "X-Any": "tell-tale"}


def test_a_careless_edit_leaks_nothing(start: Start, receiver: Receiver) -> None:
    """Every way in which a secret may get onto an event or a transaction, at once, and it is on neither."""
    service = start(**sentry(receiver))
    assert service.send(LEAK, **CARELESS).status_code == 500
    service.terminate()
    [event], [transaction] = receiver.of_type("event"), receiver.of_type("transaction")
    sent = receiver.text()
    found = sent.find("tell-tale")
    assert found == -1, sent[max(0, found - 200) : found + 50]
    assert event["user"] == transaction["user"] == {}
    assert [each["value"] for each in event["exception"]["values"]] == [
        "'[Filtered]'",
        "refused '[Filtered]' from https://[Filtered]@h/p?[Filtered]",
    ]
    assert event["tags"]["note"] == "password=[Filtered]"
    assert transaction["spans"][0]["description"] == "SELECT ?"


def test_a_broken_scrubber_loses_no_event_and_no_secret(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver, PROBE_BROKEN_SCRUBBER="1"))
    answer = service.send(LEAK, **CARELESS)
    service.terminate()
    assert "tell-tale" not in receiver.text()
    [event] = receiver.of_type("event")
    assert event["tags"]["request_id"] == answer.json()["request_id"]
    assert event["tags"]["error_code"] == "ISL_COMPUTATION_ERROR"
    assert [each["type"] for each in event["exception"]["values"]] == ["KeyError", "ValueError"]
    assert event["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"] == "leak"
    [transaction] = receiver.of_type("transaction")
    assert transaction["tags"]["request_id"] == answer.json()["request_id"]
    assert transaction["contexts"]["trace"]["op"] == "http.server"


WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def test_mistakes_of_callers_are_no_events_and_probes_no_transactions(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver))
    answers = [
        service.send("/health"),
        service.send("/ready"),
        service.send("/openapi.json"),
        service.send("/nope/1"),
        service.send(VALIDATE),
        service.send(VALIDATE, {}),
        service.send(VALIDATE, VALID | {"treatment": "nobody"}),
        service.send(VALIDATE, VALID),
    ]
    upgrade = service.send("/nope/2", **WEBSOCKET)
    assert [answer.status_code for answer in [*answers, upgrade]] == [200, 200, 200, 404, 405, 422, 400, 200, 404]
    assert all(answer.headers["X-Request-Id"].startswith("req_") for answer in [*answers, upgrade])
    service.terminate()
    assert receiver.of_type("event") == []
    # A server that speaks WebSocket hands it on as one, which is refused untraced; another sees a request like any.
    transactions = [
        each for each in receiver.of_type("transaction") if each["tags"]["request_id"] != upgrade.json()["request_id"]
    ]
    assert [each["tags"]["request_id"] for each in transactions] == [
        answer.headers["X-Request-Id"] for answer in answers[3:]
    ]
    # A wrong method still meets a route; a path without one does not, and must not name a transaction.
    assert [each["transaction"] for each in transactions] == ["<unmatched>"] + [VALIDATE] * 4
    spans = [span["op"] for span in transactions[-1]["spans"]]
    assert spans == ["cache.get", "causal.identify", "cache.put", "serialize"]
    assert transactions[-1]["tags"]["service"] == "isl"


def test_sigterm_under_gunicorn_loses_nothing(start: Start, receiver: Receiver) -> None:
    service = start("gunicorn", **sentry(receiver, ISL_WORKERS="2"))
    service.set_faults({"error_rate": {"value": 0.5}})
    answers = [service.send(VALIDATE, VALID) for _ in range(60)]
    log = service.terminate()
    assert service.process.returncode == 0, log
    assert "started without a database" not in log  # both workers found it new, at the same time
    failed = {answer.json()["request_id"] for answer in answers if answer.status_code == 500}
    assert 0 < len(failed) < 60
    assert sorted(each["tags"]["request_id"] for each in receiver.of_type("event")) == sorted(failed)
    assert sorted(each["tags"]["request_id"] for each in receiver.of_type("transaction")) == sorted(
        answer.json()["request_id"] for answer in answers
    )
    counted = [each for payload in receiver.of_type("sessions") for each in payload["aggregates"]]
    # Sessions count every request, sampled or not, and the start-up probes with them.
    assert sum(each.get("errored", 0) for each in counted) == len(failed)
    assert sum(each.get("exited", 0) for each in counted) > 60 - len(failed)


@pytest.mark.parametrize("sentry", ["off", "down"])
def test_service_answers_the_same_withoutsentry(start: Start, sentry: str) -> None:
    dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{free_port()}/1"
    service = start(SENTRY_ENABLED="true" if sentry == "down" else "false", SENTRY_DSN=dsn)
    statuses = [service.send(VALIDATE, VALID).status_code for _ in range(20)]
    service.set_faults({"error_rate": {"value": 1}})
    statuses += [service.send(VALIDATE, VALID).status_code, service.send("/bug/a").status_code]
    service.set_faults({})
    statuses += [service.send(VALIDATE, VALID).status_code, service.send("/nope").status_code]
    assert statuses == [200] * 20 + [500, 500, 200, 404]


WRONG = {
    "SENTRY_TRACES_SAMPLE_RATE=1.5": (2, "SENTRY_TRACES_SAMPLE_RATE: found '1.5', allowed: a number from 0 to 1"),
    "SENTRY_TRACES_ROUTES=/nope=1": (3, "SENTRY_TRACES_ROUTES: found /nope, allowed: <unmatched>, /api/v1/"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_wrong_rate_stops_the_start_with_the_message(tmp_path: Path, server: str, wrong: str) -> None:
    port = free_port()
    name, value = wrong.split("=", maxsplit=1)
    done = subprocess.run(
        command(server, port),
        cwd=ROOT,
        env=environ(tmp_path, port, {name: value, "ISL_WORKERS": "1"}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    code, said = WRONG[wrong]
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
