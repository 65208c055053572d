"""Test files: every mistake is told at its line, in one run."""

from pathlib import Path

import pytest

from monitors.errors import RulesError
from monitors.load import RULES_DIRECTORY, load_rules
from monitors.nodes import MAX_FILE_BYTES
from rehearsal.ruletests.files import load_cases
from tests.unit.rehearsal.ruletests.folders import write

WRONG = """\
  - name: one
    request: [{rate: 1/m}]
    requests: [{rate: 60, status: 200% ok, latency: fast, sample_rate: 2}]
    errors:
      - {issue: E, rate: 1/m, level: bad, users: many}
      - {issue: E, rate: 1/m}
    archive: {Nope: 5m}
    resolve: {E: soon}
    expect:
      - {at: 10m, pages: []}
      - {at: 10m, pages: [{alert: Nope, says: critical}, {alert: Rate, says: hello}]}
      - {at: 400d, pages: {}}
  - requests: [{}]
    expect: []
"""


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    rules = load_rules(write(tmp_path, WRONG))
    with pytest.raises(RulesError) as caught:
        load_cases(tmp_path, rules)
    found = [(each.line, each.message.partition(", ")[0]) for each in caught.value.problems]
    assert [line for line, _ in found] == sorted(line for line, _ in found)
    assert sorted(found) == [
        (3, "unknown key 'request'"),
        (4, "latency: latency 'fast'"),
        (4, "rate: rate '60'"),
        (4, "sample_rate: '2'"),
        (4, "status: status '200% ok'"),
        (6, "an issue is here twice; write its series as one"),
        (6, "level: 'bad'"),
        (6, "users: 'many'"),
        (8, "unknown key 'Nope'"),
        (9, "E: 'soon'"),
        (11, "expect goes forward in time"),
        (12, "alert: 'Nope'"),
        (12, "says: 'hello'"),
        (13, "at: '400d'"),
        (13, "pages is a mapping"),
        (14, "key 'name' is missing"),
        (14, "key 'rate' is missing"),
        (15, "expect is an empty list"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("tests: [", "no YAML"),
        ("monitors: []", "unknown key 'monitors'"),
        ("#" * (MAX_FILE_BYTES + 1), f"allowed are {MAX_FILE_BYTES}"),
    ],
)
def test_what_is_no_test_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    rules = load_rules(write(tmp_path, ""))
    (tmp_path / "rules.test.yml").write_text(text)
    with pytest.raises(RulesError, match=said):
        load_cases(tmp_path, rules)


def test_shipped_tests_load() -> None:
    assert load_cases(RULES_DIRECTORY, load_rules(RULES_DIRECTORY))
