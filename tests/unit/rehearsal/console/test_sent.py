"""Requests that callers sent, counted from a ledger that grows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from loadtest.ledger import LedgerWriter, answered, unanswered
from rehearsal.console.sent import SentCounter

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def send(writer: LedgerWriter, number: int, second: int, route: str = "/a") -> None:
    entry = unanswered(f"req_{number:016x}", "validate", "POST", route, START.timestamp() + second + 0.5)
    writer.write(entry)
    writer.write(answered(entry, 5.0, 200, None))


def test_each_request_counts_once_in_the_second_of_its_sending(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "ledger.jsonl")
    counter = SentCounter(tmp_path / "ledger.jsonl")
    assert counter.between(START, START + 9 * SECOND) == {}
    for number in range(6):
        send(writer, number, number, "/a" if number % 3 else "/b")
    assert counter.between(START, START + 9 * SECOND) == {"/a": 4, "/b": 2}
    assert counter.between(START + SECOND, START + 3 * SECOND) == {"/a": 2}
    send(writer, 7, 7)
    assert counter.between(START + 6 * SECOND, START + 9 * SECOND) == {"/a": 1}
    writer.close()


def test_what_is_no_entry_or_half_a_line_is_passed_over(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text('{"request_id": 1}\nnonsense\n[]\n{"request_id": "r", "route": "/a", "sent_at": ')
    counter = SentCounter(ledger)
    assert counter.between(START, START + SECOND) == {}
    with ledger.open("a") as file:
        file.write(f"{START.timestamp()}}}\n")
    assert counter.between(START, START + SECOND) == {"/a": 1}


def test_what_is_older_than_a_day_is_forgotten(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "ledger.jsonl")
    send(writer, 1, 0)
    counter = SentCounter(tmp_path / "ledger.jsonl")
    later = START + timedelta(days=1, minutes=1)
    assert counter.between(later - SECOND, later) == {}
    assert counter.between(START, START + SECOND) == {}
    writer.close()
