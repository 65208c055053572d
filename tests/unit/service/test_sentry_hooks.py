"""The SDK's hooks and options: what they add, what they remove, and that they never lose an event."""

import logging
import secrets
from typing import Any, cast

import pytest
import sentry_sdk
from sentry_sdk.tracing_utils import should_propagate_trace
from sentry_sdk.types import Event, Hint

from service.errors import ErrorCode, IslError
from service.event_hooks import before_send, before_send_log, before_send_transaction
from service.release import build_release, read_git_sha
from service.sampling import UNMATCHED, TracesSampler
from service.settings import load_settings
from service.telemetry import SDK_LOGGER, build_options, start_telemetry


def _enrich(event: Any, error: BaseException | None) -> dict[str, Any]:
    hint = {"exc_info": (type(error), error, None)} if error else {}
    return cast(dict[str, Any], before_send(cast(Event, event), cast(Hint, hint)))


def test_typed_error_is_grouped_by_its_code_alone() -> None:
    event = _enrich({"tags": {"service": "isl"}}, IslError(ErrorCode.ISL_MONTE_CARLO_ERROR, "x"))
    assert event["fingerprint"] == ["ISL_MONTE_CARLO_ERROR"]
    assert event["tags"] == {"service": "isl", "error_code": "ISL_MONTE_CARLO_ERROR", "retryable": "true"}
    assert event["contexts"]["error_schema"] == {
        "code": "ISL_MONTE_CARLO_ERROR",
        "reason": "simulation_error",
        "source": "isl",
        "retryable": True,
    }


@pytest.mark.parametrize("code", ErrorCode)
def test_runbook_of_the_code_is_a_tag_that_scrubbing_leaves_whole(code: ErrorCode) -> None:
    settings = load_settings({"ISL_RUNBOOK_URL": "https://runbooks.example/isl/{code}"})
    finish = build_options(settings, TracesSampler(1.0, ()))["before_send"]
    event = finish({}, {"exc_info": (IslError, IslError(code, "x"), None)})
    assert event["tags"]["runbook"] == f"https://runbooks.example/isl/{code.name}"


def test_unhandled_errors_keep_the_grouping_by_stack() -> None:
    event = _enrich({}, ZeroDivisionError())
    assert event["fingerprint"] == ["{{ default }}", "ISL_COMPUTATION_ERROR"]


def test_event_without_exception_gets_no_code() -> None:
    assert "fingerprint" not in _enrich({"message": "hello"}, None)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"tags": None, "contexts": None, "request": None},
        {"tags": 3},
        {"tags": [["service", "isl"]]},
        {"contexts": "odd"},
        {"request": []},
        {"request": {"data": [1, 2], "headers": "odd"}},
        {"request": {"headers": {1: 2}}},
    ],
)
def test_hooks_return_every_event_whatever_its_shape(event: dict[str, Any]) -> None:
    assert set(_enrich(event, ValueError("x"))) >= set(event)
    assert set(before_send_transaction(cast(Event, event), {})) == set(event)


@pytest.mark.parametrize("hint", [{}, {"exc_info": None}, {"exc_info": (None, None, None)}, {"exc_info": 3}])
def test_odd_hints_lose_nothing(hint: Any) -> None:
    event = cast(Event, {"message": "hello"})
    assert before_send(event, hint) == {"message": "hello"}


def test_request_keeps_only_harmless_parts() -> None:
    request = {
        "method": "POST",
        "url": "http://127.0.0.1/x/jane@people.example?token=1",
        "query_string": "token=1",
        "data": {"model": 1},
        "cookies": {"a": "b"},
        "env": {"REMOTE_ADDR": "10.0.0.1"},
        "headers": {"Host": "127.0.0.1", "X-Auth-Token": "secret", "x-user-id": "jane", "x-request-id": "req_1"},
    }
    event = _enrich({"request": request, "transaction": "/x/{y}"}, None)
    assert event["request"] == {"method": "POST", "url": "http://127.0.0.1/x/{y}", "headers": {"Host": "127.0.0.1"}}


@pytest.mark.parametrize("host", ["[", "[evil/..", "jane:pw@doe.org", "]", "a" * 3000])
def test_a_host_header_that_is_no_host_costs_an_event_nothing_else(host: str) -> None:
    event = {
        "transaction": "/x/{y}",
        "transaction_info": {"source": "route"},
        "request": {"url": f"http://{host}/x/1", "method": "GET"},
        "breadcrumbs": {"values": [{"message": "a step"}]},
    }
    finished = _enrich(event, ValueError("refused"))
    assert finished["breadcrumbs"] == event["breadcrumbs"]
    assert finished["request"]["url"].endswith("/x/{y}")
    assert "pw" not in str(finished)


@pytest.mark.parametrize("finish", [before_send, before_send_transaction])
def test_headers_of_callers_do_not_make_an_event_large(finish: Any) -> None:
    headers = {name: secrets.token_hex(1000) for name in ("host", "user-agent", "content-type", "content-length")}
    request = {"url": f"http://{headers['host']}/x", "headers": headers, "method": "GET"}
    finished = finish(cast(Event, {"transaction": "/x", "type": "transaction", "request": request}), {})
    assert finished["request"]["headers"]["user-agent"] == headers["user-agent"][:256]
    assert len(str(finished["request"])) < 1500


def test_a_crumb_of_a_log_line_is_its_template() -> None:
    options = build_options(load_settings({}), TracesSampler(1.0, ()))
    crumb = {"category": "x", "level": "info", "message": "sold to Jane Doe", "data": {"customer": "Jane Doe"}}
    record = logging.makeLogRecord({"msg": "sold to %s", "args": ("Jane Doe",), "customer": "Jane Doe"})
    kept = {"category": "x", "level": "info", "message": "sold to %s", "data": {}}
    assert options["before_breadcrumb"](crumb, {"log_record": record}) == kept
    record.msg = ValueError("Jane Doe")
    assert options["before_breadcrumb"](crumb, {"log_record": record})["message"] == "ValueError"
    assert options["before_breadcrumb"](crumb, {}) == crumb


@pytest.mark.parametrize(("source", "name"), [("url", UNMATCHED), ("route", "/x/{y}")])
def test_paths_without_a_route_share_one_name(source: str, name: str) -> None:
    event = cast(Event, {"transaction": "/x/{y}", "transaction_info": {"source": source}})
    assert before_send_transaction(event, {})["transaction"] == name
    assert before_send(event, {})["transaction"] == name


class Unreadable(dict[str, Any]):
    """A part that nothing can walk, as a careless integration may leave it."""

    def items(self) -> Any:
        raise RuntimeError("tell-tale")

    def get(self, *_: Any) -> Any:
        raise RuntimeError("tell-tale")


def test_an_event_that_cannot_be_scrubbed_is_sent_reduced(caplog: pytest.LogCaptureFixture) -> None:
    event = {
        "event_id": "0" * 32,
        "level": "error",
        "release": "isl@1",
        "tags": {"request_id": "req_0000000000000001", "note": "tell tale"},
        "user": Unreadable(),
        "exception": {
            "values": [
                {
                    "type": "ValueError",
                    "module": None,
                    "value": "tell-tale",
                    "stacktrace": {"frames": [{"function": "f", "lineno": 3, "vars": {"a": "tell-tale"}}]},
                }
            ]
        },
    }
    assert _enrich(event, ValueError("tell-tale")) == {
        "event_id": "0" * 32,
        "level": "error",
        "release": "isl@1",
        "tags": {"request_id": "req_0000000000000001", "error_code": "ISL_COMPUTATION_ERROR", "retryable": "true"},
        "fingerprint": ["{{ default }}", "ISL_COMPUTATION_ERROR"],
        "contexts": {
            "error_schema": {
                "code": "ISL_COMPUTATION_ERROR",
                "reason": "internal_error",
                "source": "isl",
                "retryable": True,
            }
        },
        "exception": {"values": [{"type": "ValueError", "stacktrace": {"frames": [{"function": "f", "lineno": 3}]}}]},
    }
    assert "tell-tale" not in caplog.text


def test_an_event_that_cannot_even_be_reduced_is_still_an_event() -> None:
    assert _enrich(Unreadable(), None) == {
        "message": "an event that could not be scrubbed",
        "level": "error",
        "platform": "python",
    }


def test_log_records_lose_their_parameters() -> None:
    record = {
        "body": "user jane@example.org asked",
        "attributes": {"sentry.message.parameter.0": "jane", "logger.name": "isl", "api_key": "s"},
    }
    assert before_send_log(record, {}) == {
        "body": "user [Filtered] asked",
        "attributes": {"logger.name": "isl", "api_key": "[Filtered]"},
    }
    assert before_send_log(Unreadable(), {}) is None


def test_options_send_no_bodies_and_no_locals() -> None:
    options = build_options(load_settings({"ISL_GIT_SHA": "0123456789abcdef"}), TracesSampler(0.1))
    assert (options["max_request_body_size"], options["include_local_variables"]) == ("never", False)
    assert "send_default_pii" not in options
    assert options["release"].endswith("+0123456789ab")


def test_release_without_a_commit_has_no_plus(tmp_path: Any) -> None:
    assert read_git_sha(tmp_path) is None
    assert build_release("abcdef0").startswith("isl@")


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("http://plot.internal:8001/v1/run", True),
        ("http://plot.internal:80010/v1/run", False),
        ("http://plotxinternal:8001/v1/run", False),
        ("http://plot.internal:8001.example.org/", False),
        ("https://example.org/http://plot.internal:8001/", False),
    ],
)
def test_trace_headers_go_to_plot_and_nowhere_else(url: str, is_ours: bool) -> None:
    options = build_options(load_settings({"ISL_PLOT_URL": "http://plot.internal:8001"}), TracesSampler(0.1))
    targets = options["trace_propagation_targets"]
    client = sentry_sdk.Client("http://0123@127.0.0.1:9/1", trace_propagation_targets=targets)
    assert should_propagate_trace(client, url) is is_ours
    client.close()


def test_where_sentry_is_off_breadcrumbs_cost_no_log_records(monkeypatch: pytest.MonkeyPatch) -> None:
    logger, level = logging.getLogger(SDK_LOGGER), logging.getLogger(SDK_LOGGER).level
    logger.setLevel(logging.DEBUG)  # as the SDK leaves it
    made: list[object] = []
    monkeypatch.setattr(logger, "handle", made.append)
    sentry_sdk.Scope().add_breadcrumb(message="before")
    assert made
    start_telemetry(load_settings({"SENTRY_ENABLED": "false"}), lambda _: False)
    made.clear()
    sentry_sdk.Scope().add_breadcrumb(message="after")
    assert made == []
    logger.setLevel(level)
