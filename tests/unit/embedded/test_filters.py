"""Inbound filters: what they take, and what they leave."""

import pytest

from embedded.filters import filter_batch
from embedded.records import Outcome
from embedded.store.options import ProjectOptions
from tests.unit.embedded.fakes import batch_of, error, transaction

PLAIN = ProjectOptions()


def outcome_of(kind: str, payload: object, options: ProjectOptions = PLAIN) -> str:
    """The reason why the item was filtered, empty when it was not."""
    [entry] = filter_batch(batch_of((kind, payload)), options).entries
    assert (entry.outcome is Outcome.FILTERED) is (entry.record is None)
    return entry.reason


@pytest.mark.parametrize(
    ("name", "is_filtered"),
    [
        ("/health", True),
        ("GET /healthz/", True),
        ("/api/HealthCheck/db", True),
        ("/readyz", True),
        ("/api/v1/ping", True),
        ("/api/validate", False),
        ("/healthy-food", False),
        ("/uploads", False),
        ("/already", False),
    ],
)
def test_health_checks_are_filtered_by_default(name: str, is_filtered: bool) -> None:
    assert outcome_of("transaction", transaction(transaction=name)) == ("filtered-transaction" if is_filtered else "")
    assert outcome_of("transaction", transaction(transaction=name), ProjectOptions(filter_health_checks=False)) == ""


@pytest.mark.parametrize("kind", ["event", "transaction"])
def test_releases_are_filtered_by_glob(kind: str) -> None:
    options = ProjectOptions(filter_releases=("isl@1.*", "old"))
    payload = error() if kind == "event" else transaction()
    found = [outcome_of(kind, payload | {"release": each}, options) for each in ("isl@1.2", "OLD", "isl@2", None)]
    assert found == ["release-version", "release-version", "", ""]


@pytest.mark.parametrize(
    ("payload", "is_filtered"),
    [
        (error(), True),  # ValueError: it broke
        (error(kind="KeyError"), True),  # by its value
        ({"event_id": "1" * 32, "message": "it broke"}, True),
        ({"event_id": "1" * 32, "logentry": {"message": "it broke"}}, True),
        ({"event_id": "1" * 32, "message": "it broke again"}, False),
    ],
)
def test_errors_are_filtered_by_message(payload: object, is_filtered: bool) -> None:
    options = ProjectOptions(filter_error_messages=("IT broke",))
    assert outcome_of("event", payload, options) == ("error-message" if is_filtered else "")


def test_filter_by_type_and_value() -> None:
    options = ProjectOptions(filter_error_messages=("ValueError: *",))
    assert outcome_of("event", error(), options) == "error-message"
    assert outcome_of("event", error(kind="KeyError"), options) == ""
    assert outcome_of("transaction", transaction(), options) == ""


def test_what_is_counted_only_passes() -> None:
    batch = batch_of(("attachment", b"x"), ("event", b"nonsense"))
    assert filter_batch(batch, PLAIN).entries == batch.entries
