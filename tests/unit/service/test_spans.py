"""Spans exist where the request is traced, and nowhere else."""

from collections.abc import Iterator

import pytest
import sentry_sdk
from sentry_sdk.tracing import Span

from monitors import signals
from service.spans import UNTRACED, start_span


@pytest.fixture
def sdk() -> Iterator[None]:
    with sentry_sdk.isolation_scope() as scope:
        client = sentry_sdk.Client("http://0123456789abcdef0123456789abcdef@127.0.0.1:9/1", traces_sample_rate=1.0)
        scope.set_client(client)
        yield
        client.close(timeout=0)


def test_without_the_sdk_there_is_no_span() -> None:
    assert start_span(signals.OP_IDENTIFY, "x") is UNTRACED


def _fail_in_a_span() -> None:
    with start_span(signals.OP_IDENTIFY, "x") as span:
        span.set_data("a", 1)
        span.set_status("unavailable")
        raise ZeroDivisionError


@pytest.mark.usefixtures("sdk")
def test_an_unsampled_request_has_no_spans_and_passes_errors_on() -> None:
    with sentry_sdk.start_transaction(name="t", sampled=False) as transaction:
        assert start_span(signals.OP_IDENTIFY, "x") is UNTRACED
        with pytest.raises(ZeroDivisionError):
            _fail_in_a_span()
        assert sentry_sdk.get_current_span() is transaction


@pytest.mark.usefixtures("sdk")
def test_a_sampled_request_has_them_one_in_the_other() -> None:
    with sentry_sdk.start_transaction(name="t", sampled=True) as transaction:
        with start_span(signals.OP_IDENTIFY, "outer") as outer, start_span(signals.OP_CACHE_GET, "inner") as inner:
            inner.set_data("a", 1)
        assert isinstance(outer, Span)
        assert isinstance(inner, Span)
        assert (outer.op, outer.parent_span_id) == ("causal.identify", transaction.span_id)
        assert (inner.op, inner.parent_span_id) == ("cache.get", outer.span_id)
        assert transaction._span_recorder is not None
        assert transaction._span_recorder.spans == [outer, inner]
        transaction.sampled = False  # nobody is there to take it
