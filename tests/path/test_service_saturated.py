"""Telemetry of a worker that is asked more than it can answer, which is when its traces are wanted most."""

from contextlib import ExitStack

from tests.bench.bench_service import measure_load, run_service, run_sink


def test_a_saturated_worker_sends_all_its_transactions() -> None:
    """The SDK's thread, which a busy interpreter seldom lets run, sent a quarter of them (decision 0020)."""
    with ExitStack() as stack:
        sink = stack.enter_context(run_sink())
        on = {"SENTRY_ENABLED": "true", "SENTRY_DSN": sink.dsn, "SENTRY_TRACES_SAMPLE_RATE": "1.0"}
        service = stack.enter_context(run_service(**on))
        measure_load(service, sink, 0.5, "warm", "validate")
        assert measure_load(service, sink, 2.0, "asked", "validate").arrived > 0.9
