"""Faults on purpose and /sentry-test, as they show outside of the process."""

from pathlib import Path

from tests.path.engine import await_true
from tests.path.isl import Receiver, Start, sentry

VALIDATE = "/api/v1/causal/validate"
VALID = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}
KEY = {"X-API-Key": "0123456789abcdef"}
PRESSURE_MIB = 200


def resident_mib(pid: int) -> float:
    """Memory of a process, as Linux counts it."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1024 / 1024


def test_sentry_test_is_one_unhandled_error(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver))
    answer = service.send("/sentry-test")
    assert (answer.status_code, answer.json()["code"]) == (500, "ISL_COMPUTATION_ERROR")
    service.terminate()
    [event] = receiver.of_type("event")
    assert event["tags"]["request_id"] == answer.json()["request_id"]
    [raised] = event["exception"]["values"]
    assert (raised["type"], raised["mechanism"]["handled"]) == ("SentryTestError", False)


def test_sentry_test_needs_a_key(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver, ISL_AUTH_DISABLED="false", ISL_API_KEYS=KEY["X-API-Key"]))
    assert service.send("/sentry-test").status_code == 401
    assert service.send("/sentry-test", **KEY).status_code == 500


def test_production_has_no_sentry_test(start: Start, receiver: Receiver) -> None:
    keyed = {"ISL_AUTH_DISABLED": "false", "ISL_API_KEYS": KEY["X-API-Key"]}
    service = start(**sentry(receiver, SENTRY_ENVIRONMENT="production", ISL_FAULTS_FILE="", **keyed))
    assert service.send("/sentry-test", **KEY).status_code == 404
    service.terminate()
    assert receiver.of_type("event") == []


def test_silence_hides_errors_and_transactions_and_is_counted(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver))
    service.set_faults({"silence": {"value": 1, "routes": [VALIDATE]}, "error_rate": {"value": 1}})
    assert service.send(VALIDATE, VALID).status_code == 500
    heard = service.send("/nope")
    service.terminate()
    assert receiver.of_type("event") == []
    assert [each["tags"]["request_id"] for each in receiver.of_type("transaction")] == [heard.headers["X-Request-Id"]]
    kept_back = {each["category"]: each["quantity"] for each in receiver.discarded() if each["reason"] == "before_send"}
    assert (kept_back["error"], kept_back["transaction"]) == (1, 1)


def test_memory_pressure_is_memory(start: Start) -> None:
    service = start()
    assert service.send(VALIDATE, VALID).status_code == 200
    before = resident_mib(service.process.pid)
    service.set_faults({"memory_pressure": {"value": PRESSURE_MIB}})
    assert service.send(VALIDATE, VALID).status_code == 200
    assert resident_mib(service.process.pid) > before + PRESSURE_MIB * 0.9
    service.set_faults({})
    assert service.send(VALIDATE, VALID).status_code == 200
    await_true("the memory to be given back", lambda: resident_mib(service.process.pid) < before + PRESSURE_MIB * 0.5)
