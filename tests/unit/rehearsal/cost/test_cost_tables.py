"""Tables of what it costs, in a terminal of eighty columns: every number is whole."""

from io import StringIO

from rich.console import Console, RenderableType

from rehearsal.cost.workload import Billed
from rehearsal.reports.cost_tables import show_bill, show_volumes
from tests.unit.rehearsal.cost.test_bill import bill, exactly


def shown(table: RenderableType) -> str:
    console = Console(width=80, file=StringIO())
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_a_bill_shows_its_volumes_whole() -> None:
    said = shown(show_bill(bill("team", exactly("errors", 1e5), exactly("spans", 123_761_747)), "USD"))
    assert "…" not in said
    assert "123,761,747" in said
    assert "5,000,000" in said


def test_long_names_of_spans_push_no_number_out() -> None:
    name = "db SELECT count(*) AS count_1, count(anon_1.win_probability) AS it"
    found = (Billed("causal/counterfactual/batch", "", 194_700, 649), Billed("x", name, 96_500, 0))
    lines = [line.split() for line in shown(show_volumes(found)).splitlines()]
    assert ["causal/counterfactual/batch", "194,700", "100%", "649"] in lines
    assert any(line[-2:] == ["96,500", "50%"] for line in lines)
