"""State files: whole or not there, private, and a damaged one is named."""

from pathlib import Path

import pytest

from rehearsal.errors import EnvironmentMissingError
from rehearsal.statefile import locked, read_json, write_json


def test_what_was_written_is_read_and_only_ours(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert read_json(path) == {}
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(EnvironmentMissingError, match=r"state\.json is damaged .*; remove it"):
        read_json(path)


def test_a_second_holder_is_told_at_once(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock, "cooking"):
        second = locked(lock, "cooking")
        with pytest.raises(EnvironmentMissingError, match="another process is cooking"):
            second.__enter__()
    with locked(lock, "cooking"):
        pass
