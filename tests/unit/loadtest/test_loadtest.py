"""Ledger and payloads; the Locust users themselves run in tests/rehearsal."""

import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest

from loadtest.ledger import NO_ANSWER, Ledger, LedgerWriter, answered, unanswered
from loadtest.payloads import (
    batch_body,
    counterfactual_body,
    cyclic_body,
    dense_body,
    outcome_body,
    robustness_body,
    scenarios_body,
    sensitivity_body,
    summary_query,
    validate_body,
)

FIRST = unanswered("req_0", "validate_graph", "POST", "/v", 1.5)
SECOND = unanswered("req_1", "validate_graph", "POST", "/v", 1.6)
ENDED = answered(FIRST, 3.25, 200, None)


def test_the_second_line_of_a_request_replaces_its_first(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.jsonl"
    writers = [LedgerWriter(path), LedgerWriter(path)]
    for writer, entry in ((writers[0], FIRST), (writers[1], SECOND), (writers[0], ENDED)):
        writer.write(entry)
    assert Ledger(path).refresh() == [ENDED, SECOND]
    assert (SECOND.status, ENDED.status) == (NO_ANSWER, 200)
    for writer in writers:
        writer.close()


def test_a_half_written_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    whole = json.dumps(asdict(ENDED)) + "\n"
    ledger = Ledger(path)
    assert ledger.refresh() == []
    path.write_text(whole[:20])
    assert ledger.refresh() == []
    path.write_text(whole)
    assert ledger.refresh() == [ENDED]


@pytest.mark.parametrize(
    "make",
    [
        batch_body,
        counterfactual_body,
        cyclic_body,
        dense_body,
        outcome_body,
        robustness_body,
        scenarios_body,
        sensitivity_body,
        summary_query,
        validate_body,
    ],
)
def test_bodies_vary(make: object) -> None:
    choose = random.Random(7)
    assert len({str(make(choose)) for _ in range(50)}) > 3  # type: ignore[operator]
