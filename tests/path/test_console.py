"""The pages that the rehearsal adds to the engine: what they answer without data, and what they refuse."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from rehearsal.reports.files import write_files
from rehearsal.verdict import Finding, Status
from tests.path.engine import Engine, await_true, starting
from tests.unit.rehearsal.samples import report


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One with the console's pages, and a project without telemetry."""
    folder = tmp_path_factory.mktemp("console")
    module = ("rehearsal.console", "--runs", str(folder / "runs"))
    with contextmanager(starting)(folder / "engine", module=module) as start:
        engine = start()
        assert page(engine, "/decision/").headers["location"] == "/"  # no project yet
        engine.project()
        yield engine


def page(engine: Engine, path: str, **query: str) -> httpx.Response:
    return engine.client.get(f"{engine.url}{path}", params=query or None)


def test_the_decision_is_computed_for_the_declared_service(engine: Engine) -> None:
    asked = {"traffic": "20M/month", "traces": "10"}
    answer = page(engine, "/decision/", **asked)
    assert answer.status_code == 200
    assert "outcomes/summary" in answer.text
    await_true("the recommendation", lambda: "Take them" in page(engine, "/decision/", **asked).text)
    assert "<code>make loadtest</code> sends some" in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"traces": "200"}, "traces: &#39;200&#39;, allowed is a number from 0 to 100"),
        ({"traffic": "much"}, "traffic &#39;much&#39;: write for example 1M/month"),
        ({"basis": "measured"}, "too few requests are stored to measure the service, 200 are needed"),
        ({"rate:nowhere": "5"}, "no endpoint &#39;nowhere&#39;, allowed are causal/validate"),
    ],
)
def test_what_cannot_be_computed_is_said(engine: Engine, query: dict[str, str], said: str) -> None:
    answer = page(engine, "/decision/", **query)
    assert answer.status_code == 400
    assert said in answer.text


def test_where_nothing_is_sampled_no_alert_fires(engine: Engine) -> None:
    assert "nothing is sampled, so it never fires" in page(engine, "/decision/", traces="0").text


def test_rehearsals_are_listed_opened_and_compared(engine: Engine) -> None:
    runs = engine.data_dir.parent / "runs"
    assert "make rehearse" in page(engine, "/rehearsals/").text
    first, second = "20261123T120000", "20261124T120000"
    for name, status in ((first, Status.HELD), (second, Status.FAILED)):
        (runs / name).mkdir(parents=True)
        write_files(report(runs / name, Finding(status, "it <i>pages</i>", "late")), None)
    (runs / "20261125T120000").mkdir()
    listed = page(engine, "/rehearsals/").text
    assert listed.index("20261125T120000") < listed.index(second) < listed.index(first)
    assert "it is running, or was stopped" in listed
    opened = page(engine, f"/rehearsals/{second}/", against=first).text
    assert "step &lt;b&gt;: held before, failed now" in opened
    assert "it &lt;i&gt;pages&lt;/i&gt;" in opened
    whole = page(engine, f"/rehearsals/{second}/report.html")
    assert whole.text == (runs / second / "report.html").read_text()
    assert "sandbox" in whole.headers["content-security-policy"]
    assert "script-src" not in whole.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rehearsals/20200101T000000/", 404),
        ("/rehearsals/..%2f..%2fetc/", 404),
        ("/rehearsals/20200101T000000/report.html", 404),
        ("/rehearsals/20261123T120000/?against=20200101T000000", 404),
        ("/rehearsals/20261123T120000/?against=../../etc", 404),
        ("/rehearsals/20261125T120000/report.html", 404),
        ("/rehearsals/20261123T120000/?against=20261125T120000", 400),
    ],
)
def test_what_is_no_rehearsal_is_said(engine: Engine, path: str, status: int) -> None:
    for name in ("20261123T120000", "20261125T120000"):
        (engine.data_dir.parent / "runs" / name).mkdir(parents=True, exist_ok=True)
    assert page(engine, path).status_code == status


def test_an_address_without_a_page_says_what_to_do(engine: Engine) -> None:
    answer = page(engine, "/nowhere/")
    assert answer.status_code == 404
    assert "There is no page at this address" in answer.text


def test_a_page_that_fails_says_where_the_trace_is_and_nothing_of_it(engine: Engine) -> None:
    with closing(sqlite3.connect(engine.data_dir / "engine.sqlite", isolation_level=None)) as other:
        other.execute("ALTER TABLE release_project RENAME TO lost")
        try:
            answer = page(engine, "/releases/")
        finally:
            other.execute("ALTER TABLE lost RENAME TO release_project")
    assert answer.status_code == 500
    assert "<nav" in answer.text
    assert "docker compose logs engine" in answer.text
    assert "release_project" not in answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    await_true("the trace", lambda: "no such table: release_project" in (engine.data_dir / "log").read_text(), 10)
    assert page(engine, "/releases/").status_code == 200
