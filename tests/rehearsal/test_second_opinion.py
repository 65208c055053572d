"""A rehearsal of the reference service while y0 is asked too, and answers otherwise: expected, and still told."""

import json
from pathlib import Path

import pytest
import yaml

from rehearsal.settings import ROOT
from tests.rehearsal.runs import DEADLINE_S, run

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(DEADLINE_S + 20)]
NAPKIN = {
    "dag": {
        "nodes": ["w", "z", "x", "y"],
        "edges": [["w", "z"], ["z", "x"], ["x", "y"]],
        "bidirected": [["w", "x"], ["w", "y"]],
    },
    "treatment": "x",
    "outcome": "y",
}
QUIET = "name: quiet\nhypothesis: Nobody is paged.\nlasts: 2m\nexpect:\n  pages: []\n"


@pytest.mark.usefixtures("y0")
def test_what_y0_says_beside_the_service_fails_no_drill_and_no_book(tmp_path: Path) -> None:
    plan = yaml.safe_load((ROOT / "rehearsal/plan.yml").read_text())
    plan["folder"], plan["rules"], plan["drills"] = str(ROOT), str(ROOT / plan["rules"]), str(tmp_path / "drills")
    plan["service"]["environment"]["ISL_Y0_CROSS_CHECK"] = "true"
    request = {"name": "napkin", "request": "POST /api/v1/causal/validate", "body": json.dumps(NAPKIN)}
    plan["load"] = {"requests": [request]}
    (tmp_path / "drills").mkdir()
    (tmp_path / "drills/10-quiet.yml").write_text(QUIET)
    (tmp_path / "plan.yml").write_text(yaml.safe_dump(plan))
    done = run("run", tmp_path, "--json", "--plan", str(tmp_path / "plan.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert 1 <= report["books"]["beside"] <= 2  # of each worker that was asked, one until its cache forgets
    assert report["books"]["errors"]["arrived"] == report["books"]["failed"] == 0
    assert [page["alert"] for page in report["pages"]] == ["ISL new error code"]
    assert "about y0's second opinion" in done.stdout
