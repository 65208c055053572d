"""Ledger and payloads; the Locust users themselves run in tests/rehearsal."""

import random
from pathlib import Path

import pytest

from loadtest.ledger import Entry, LedgerWriter, read_ledger
from loadtest.payloads import counterfactual_body, cyclic_body, validate_body

ENTRY = Entry("req_0", "validate_graph", "POST", "/v", 1.5, 3.25, 200, None)


def test_what_is_written_is_read_and_a_half_line_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.jsonl"
    first, second = LedgerWriter(path), LedgerWriter(path)
    first.write(ENTRY)
    second.write(ENTRY)
    with path.open("a") as file:
        file.write('{"request_id": "req_half')
    assert list(read_ledger(path)) == [ENTRY, ENTRY]
    first.close()
    second.close()


def test_a_ledger_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert list(read_ledger(tmp_path / "none")) == []


@pytest.mark.parametrize("make", [validate_body, counterfactual_body, cyclic_body])
def test_bodies_vary(make: object) -> None:
    choose = random.Random(7)
    assert len({str(make(choose)) for _ in range(50)}) > 3  # type: ignore[operator]
