"""The tap's file: what it keeps, its bound, its mode, and how its end is told."""

import os
from pathlib import Path

import pytest

from embedded.tap import Tap, TapFullError, Tapped, read_tap

LINES = b'{"dsn": 1}\n{"type":"event"}\n{}\n\x00\xff'


def keep(path: Path, *bodies: bytes, max_bytes: int = 10_000) -> None:
    tap = Tap(path, max_bytes)
    for body in bodies:
        tap.keep("/api/1/envelope/", "a=b", {"user-agent": "sdk"}, body)
    tap.close()


def test_the_tap_keeps_any_bytes_in_order_and_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tap"
    keep(path, LINES, b"")
    keep(path, b"after a restart")
    assert list(read_tap(path)) == [
        Tapped("/api/1/envelope/?a=b", {"user-agent": "sdk"}, body) for body in (LINES, b"", b"after a restart")
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_tap_takes_the_file_away_from_others(tmp_path: Path) -> None:
    path = tmp_path / "tap"
    path.touch(mode=0o644)
    keep(path, LINES)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_tap_ends_at_its_bound_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tap"
    keep(path, b"small", b"x" * 1_000, b"small too", max_bytes=500)
    kept = read_tap(path)
    assert next(kept).body == b"small"
    with pytest.raises(TapFullError, match="reached its bound"):
        next(kept)


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_record_that_is_cut_off_is_no_record(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "tap"
    keep(path, b"whole", b"not whole")
    path.write_bytes(path.read_bytes()[:-cut])
    kept = read_tap(path)
    assert next(kept).body == b"whole"
    with pytest.raises(TapFullError):
        next(kept)


def test_a_disk_that_takes_no_more_ends_the_tap_and_not_ingest(tmp_path: Path) -> None:
    tap = Tap(tmp_path / "tap", 10_000)
    tap.keep("/", "", {}, b"kept")
    full, usual = os.open("/dev/full", os.O_WRONLY), tap._descriptor
    tap._descriptor = full
    tap.keep("/", "", {}, LINES)
    tap._descriptor = usual
    tap.keep("/", "", {}, b"the disk has room again")
    tap.close()
    os.close(full)
    kept = read_tap(tmp_path / "tap")
    assert next(kept).body == b"kept"
    with pytest.raises(TapFullError, match="the disk was full"):
        next(kept)
