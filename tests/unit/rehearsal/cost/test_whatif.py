"""`rehearse whatif`: cost and power side by side, and what it says to mistakes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rehearsal.cli import cli
from rehearsal.cost.assume import load_assumptions
from rehearsal.cost.power import effective_per_second
from rehearsal.cost.workload import Endpoint, Rates
from rehearsal.errors import UsageError

HALVES = (Endpoint("a", 0.5, 0, 1, 1), Endpoint("b", 0.5, 0, 1, 1))


def test_guides_rate_costs_as_much_as_all_traces_and_pages_for_nothing() -> None:
    """The joint finding: a tenth of the traces saves nothing here, and pages all day."""
    ran = CliRunner().invoke(cli, ["whatif", "--traffic", "1M/month", "--traces", "0.1,1.0", "--json"])
    assert ran.exit_code == 0, ran.output
    tenth, all_ = json.loads(ran.stdout)["choices"]
    assert [bill["total"] for bill in tenth["bills"]] == [bill["total"] for bill in all_["bills"]]
    falsely = [each["watched"][0]["power"]["false_pages_per_month"] for each in (tenth, all_)]
    assert falsely[0] > 500
    assert falsely[1] < 60


def test_table_shows_the_prices_day_and_no_nan() -> None:
    ran = CliRunner().invoke(cli, ["whatif", "--traces", "0,0.1", "--plan", "team"], env={"COLUMNS": "200"})
    assert ran.exit_code == 0, ran.output
    assert "Prices of 2026-09-20" in ran.stdout
    assert "never" in ran.stdout
    assert "nan" not in ran.stdout.lower()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--traces", "1.5"], "traces is 1.5, allowed are 0 to 1"),
        (["--traces", "a"], "write for example 0.1,0.25,1.0"),
        (["--traffic", "-1M/month"], "write for example 1M/month"),
        (["--endpoint", "causal/validate"], "write for example causal/validate=0.05"),
        (["--endpoint", "causal/x=0.1"], "no endpoint 'causal/x', allowed are causal/validate"),
        (["--cap", "-1"], "cap is -1, allowed is an amount from 0 on"),
        (["--healthy", "-0.1"], "healthy share of bad requests is -0.1, allowed are 0 to 1"),
        (["--times", "0.5"], "times is 0.5, allowed is a factor from 1 on"),
        (["--traces", "0.1,nan"], "traces is nan, allowed are 0 to 1"),
        (["--plan", "gold"], "no plan 'gold', allowed are developer, team"),
    ],
)
def test_mistakes_are_told(given: list[str], told: str) -> None:
    ran = CliRunner().invoke(cli, ["whatif", *given])
    assert isinstance(ran.exception, UsageError)
    assert told in str(ran.exception)


def test_equal_rates_count_every_sampled_request() -> None:
    assert effective_per_second(1.0, HALVES, Rates(0.1)) == pytest.approx(0.1)


def test_unequal_rates_tell_less_than_their_number() -> None:
    """Half at 1.0 and half at 0.1: 0.55 a second are sampled, and tell as much as 1 / (0.5 + 5)."""
    assert effective_per_second(1.0, HALVES, Rates(1.0, {"b": 0.1})) == pytest.approx(1 / 5.5)


def test_assumptions_have_mistakes_told_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "ours.yml"
    file.write_text("as_of: 2026-11-26\nendpoints:\n  - {name: a, share: 2, errors: 0, spans: 0.5, duration_ms: nan}\n")
    with pytest.raises(UsageError) as caught:
        load_assumptions(file)
    assert str(caught.value).count("ours.yml:3:") == 3
