"""`docs/alerts.md` is run: its rules load without a warning, its tests hold, its output is the program's."""

import re
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from monitors import inexpressible
from monitors.errors import RulesError
from monitors.lint import Traffic, lint
from monitors.load import RULES_DIRECTORY, load_rules
from monitors.model import Dataset
from monitors.transport import HINTS, MAX_RETRY_AFTER_S
from rehearsal.cli import cli
from rehearsal.ruletests.notation import read_latency, read_rate, read_status
from rehearsal.settings import ROOT, Options

TEXT: Final = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOTATION: Final = {"rate": read_rate, "status": read_status, "latency": read_latency}


def block(mark: str) -> str:
    """The one block that begins with this comment."""
    [found] = [body for _, body in BLOCK.findall(TEXT) if body.startswith(f"# {mark}\n")]
    return str(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yml").write_text(block("rules"))
    (tmp_path / "rules.test.yml").write_text(block("tests"))
    return tmp_path


def test_every_block_of_yaml_is_run() -> None:
    assert [body.splitlines()[0] for kind, body in BLOCK.findall(TEXT) if kind == "yaml"] == ["# rules", "# tests"]


def test_output_is_the_programs(folder: Path) -> None:
    done = CliRunner().invoke(cli, ["monitors", "check", "--rules", str(folder), "--strict"])
    found = re.sub(r" in [\d.]+ s$", "", done.stdout, flags=re.MULTILINE)
    assert (done.exit_code, f"# output\n{found}") == (0, block("output"))


def test_every_example_of_the_notation_is_read() -> None:
    rows = re.findall(r"^\| `(rate|status|latency)` \|.*\| (.*) \|$", TEXT, re.MULTILINE)
    assert [name for name, _ in rows] == list(NOTATION)
    for name, examples in rows:
        for example in re.findall(r"`([^`]+)`", examples):
            NOTATION[name](example)


def test_the_guides_rules_are_as_described() -> None:
    rate, p95 = load_rules(RULES_DIRECTORY).monitors
    for monitor in (rate, p95):
        row = f"`{monitor.aggregate}`, window `{monitor.window.seconds // 60}m`, `> {monitor.thresholds[0].value:g}`"
        assert row in TEXT


def test_the_thin_window_is_as_thin_as_described() -> None:
    [rate, *_] = load_rules(RULES_DIRECTORY).monitors
    guide = Traffic(Options().traffic, 0.1)
    assert rate.dataset is Dataset.SPANS
    sampled = guide.sampled(rate.window)
    assert "hold 12 sampled" in TEXT
    assert round(sampled) == 12
    assert "more than 8 %" in TEXT
    assert 0.08 < 1 / sampled < 0.09
    assert [each.message.partition(":")[0] for each in lint(load_rules(RULES_DIRECTORY), guide)] == [rate.name]


def test_names_of_ones_own_are_read_as_described(folder: Path) -> None:
    [example] = re.findall(r"`(signals: \{.*?\})`", TEXT)
    (folder / "signals.yml").write_text(example.replace("live", "production"))
    load_rules(folder)
    (folder / "signals.yml").write_text(example)
    with pytest.raises(RulesError, match="environment: 'production', allowed are live"):
        load_rules(folder)


def test_facts_of_plan_and_apply_are_the_programs() -> None:
    scopes = re.findall(r"[a-z]+:(?:read|write)", HINTS[403])
    told = re.search(r"needs the scopes (.*?)\. What", TEXT, re.DOTALL)
    assert told
    assert re.findall(r"[a-z]+:(?:read|write)", told[1]) == scopes
    assert f"up to {MAX_RETRY_AFTER_S} s at a time" in TEXT


def test_wishes_that_cannot_be_said_are_refused() -> None:
    for wish in ("for", "group_by", "no_data", "anomaly"):
        assert wish in inexpressible.MONITOR
    assert {"group_wait", "active_hours", "escalate_after"} <= inexpressible.ALERT.keys()
    assert "new_tag_value" in inexpressible.TRIGGER
    assert inexpressible.remedy_for_aggregate("failure_count() / count()")
