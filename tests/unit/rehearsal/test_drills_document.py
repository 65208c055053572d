"""`docs/drills.md` is true: its drills load and validate, and it names every key."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from rehearsal.chance.reckon import reckon
from rehearsal.cli import cli
from rehearsal.disturbance import How, Outage
from rehearsal.disturbance_file import DISTURBANCES
from rehearsal.drill_file import choose_drills, load_drills
from rehearsal.duration import duration
from rehearsal.plan_file import check_drills, load_plan
from rehearsal.schemas import drill_schema
from rehearsal.settings import ROOT, Options
from tests.unit.rehearsal.samples import RULES

TEXT: Final = (ROOT / "docs" / "drills.md").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_every_drill_of_the_document_is_one(tmp_path: Path, block: str) -> None:
    (tmp_path / "a.yml").write_text(block)
    drills = load_drills(tmp_path)
    check_drills(drills, load_plan(Options().plan))
    assert reckon(drills[0], RULES, Options(), 10_000).is_accepted
    Draft202012Validator(drill_schema()).validate(yaml.safe_load(block))


def test_the_document_names_everything_that_a_drill_can_do() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == list(DISTURBANCES)
    assert all(f"`{how}`" in TEXT for how in How)


def test_the_default_pack_finishes_in_time_and_has_every_kind_of_outage() -> None:
    """Six minutes on two cores, with a minute for start, stop and a slow machine."""
    pack = choose_drills(load_drills(Options().drills))
    took = sum((duration(drill, RULES, Options().speed) for drill in pack), timedelta(0)) / Options().speed
    assert took < timedelta(minutes=5)
    assert {each.disturbance.how for each in pack if isinstance(each.disturbance, Outage)} == set(How)


def test_the_list_tells_how_long_each_takes() -> None:
    done = CliRunner().invoke(cli, ["drills", "list"])
    assert "18 drills take 3m" in done.output
    assert re.search(r"error-rate-step +10m 45s +11s", done.output)
    assert re.search(r"new-error-code +30s +0\.5s", done.output)  # and not 0s
    assert "quiet-day *" in done.output
