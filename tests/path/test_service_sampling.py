"""What is sampled, on the wire: rates by route, whose decision counts, users by hash, profiles."""

import pytest

from tests.path.engine import DEADLINE_S, await_true
from tests.path.isl import Receiver, Start, sentry

VALIDATE = "/api/v1/causal/validate"
VALID = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}
TRACE_ID = "0123456789abcdef0123456789abcdef"


def trace_headers(flag: str, rand: str, rate: str, name: str = "sentry-trace") -> dict[str, str]:
    """Headers of a caller that has decided, as the SDK of a service in front of this one sends them."""
    baggage = (
        f"sentry-trace_id={TRACE_ID},sentry-public_key=feedface,sentry-sample_rate={rate},sentry-sample_rand={rand}"
    )
    return {name: f"{TRACE_ID}-0123456789abcdef{flag}", "baggage": f"{baggage},sentry-sampled=true"}


@pytest.mark.parametrize("name", ["sentry-trace", "sentry_trace"])
@pytest.mark.parametrize("flag", ["-1", ""])
def test_a_stranger_cannot_force_sampling(start: Start, receiver: Receiver, flag: str, name: str) -> None:
    service = start(**sentry(receiver, SENTRY_TRACES_SAMPLE_RATE="0.00001"))
    headers = trace_headers(flag, rand="0.000001", rate="1.0", name=name)
    assert service.send(VALIDATE, VALID, **headers).status_code == 200
    service.terminate()
    assert receiver.of_type("transaction") == []
    # What was sampled away is accounted for: the start-up probes and the one request.
    assert {("transaction", "sample_rate")} <= {(each["category"], each["reason"]) for each in receiver.discarded()}


@pytest.mark.parametrize("flag", ["-1", "-0", ""])
def test_a_strangers_trace_ends_here(start: Start, receiver: Receiver, flag: str) -> None:
    """Neither its id, nor its random number, nor the rate that would become this transaction's weight."""
    service = start(**sentry(receiver, SENTRY_TRACES_SAMPLE_RATE="1"))
    assert service.send(VALIDATE, VALID, **trace_headers(flag, rand="0.999", rate="0.001")).status_code == 200
    service.terminate()
    [transaction] = receiver.of_type("transaction")
    assert transaction["contexts"]["trace"]["trace_id"] != TRACE_ID
    assert transaction["contexts"]["trace"].get("parent_span_id") is None
    [trace] = [header["trace"] for header in receiver.headers if "trace" in header]
    assert (trace["sample_rate"], trace["public_key"]) == ("1.0", "0123456789abcdef0123456789abcdef")
    assert trace["sample_rand"] != "0.999"
    assert TRACE_ID not in receiver.text().replace("public_key", "")


def test_a_trusted_callers_decision_and_weight_are_kept(start: Start, receiver: Receiver) -> None:
    """One sampled at 5 % stands for twenty requests here as well, although this service would sample none."""
    settings = sentry(receiver, SENTRY_TRACES_SAMPLE_RATE="0", ISL_TRUSTED_CALLERS="127.0.0.0/8")
    service = start(**settings)
    sampled = service.send(VALIDATE, VALID, **trace_headers("-1", rand="0.01", rate="0.05"))
    service.send(VALIDATE, VALID, **trace_headers("-0", rand="0.5", rate="0.05"))
    service.send("/ready", **trace_headers("-1", rand="0.01", rate="0.05"))
    service.terminate()
    [transaction] = receiver.of_type("transaction")
    assert transaction["tags"]["request_id"] == sampled.headers["X-Request-Id"]
    assert transaction["contexts"]["trace"]["trace_id"] == TRACE_ID
    [trace] = [header["trace"] for header in receiver.headers if "trace" in header]
    assert float(trace["sample_rate"]) == 0.05


def test_routes_have_rates_of_their_own(start: Start, receiver: Receiver) -> None:
    routes = f"{VALIDATE}=0,<unmatched>=0,/api/v1/outcomes/{{outcome_id}}=1"
    service = start(**sentry(receiver, SENTRY_TRACES_SAMPLE_RATE="0", SENTRY_TRACES_ROUTES=routes))
    answers = [service.send(path) for path in ("/nope", "/api/v1/outcomes/17", "/api/v1/outcomes/summary")]
    answers.append(service.send(VALIDATE, VALID))
    service.terminate()
    assert [each["tags"]["request_id"] for each in receiver.of_type("transaction")] == [
        answers[1].headers["X-Request-Id"]
    ]


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_a_misspelt_route_stops_the_start(start: Start, receiver: Receiver, server: str) -> None:
    settings = sentry(receiver, SENTRY_TRACES_ROUTES="/api/v1/casual/validate=0.1", ISL_WORKERS="1")
    with pytest.raises(AssertionError, match=r"found /api/v1/casual/validate, allowed: .*/api/v1/causal/validate"):
        start(server, **settings)


def test_users_are_hashes_and_only_with_a_secret(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver, ISL_USER_ID_SECRET="0123456789abcdef" * 2))
    service.set_faults({"error_rate": {"value": 1}})
    for user in ("jane@tell-tale.org", "jane@tell-tale.org", "joe@tell-tale.org", "", "x" * 300):
        service.send(VALIDATE, VALID, **{"X-User-Id": user})
    service.terminate()
    for kind in ("event", "transaction"):
        users = [each.get("user", {}) for each in receiver.of_type(kind)]
        assert [set(each) for each in users] == [{"id"}] * 3 + [set()] * 2
        assert users[0] == users[1] != users[2]
    assert "tell-tale" not in receiver.text()


def test_without_a_secret_there_are_no_users(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver))
    service.set_faults({"error_rate": {"value": 1}})
    service.send(VALIDATE, VALID, **{"X-User-Id": "tell-tale"})
    service.terminate()
    assert [each.get("user") for each in receiver.of_type("event")] == [None]
    assert "tell-tale" not in receiver.text()


@pytest.mark.parametrize("rate", ["1", "0"])
def test_profiles_come_from_the_current_profiler(start: Start, receiver: Receiver, rate: str) -> None:
    service = start(**sentry(receiver, SENTRY_PROFILES_SAMPLE_RATE=rate))
    service.set_faults({"added_latency_ms": {"value": 100}})
    service.send(VALIDATE, VALID)
    if rate == "1":
        await_true("a profile", lambda: receiver.of_type("profile_chunk") != [], DEADLINE_S)
    log = service.terminate()
    assert "Deprecat" not in log
    [transaction] = receiver.of_type("transaction")
    chunks = receiver.of_type("profile_chunk")
    if rate == "0":
        assert chunks == []
        return
    assert transaction["contexts"]["profile"]["profiler_id"] == chunks[0]["profiler_id"]
    assert chunks[0]["release"].startswith("isl@")
    assert receiver.of_type("profile") == []
