"""The three reports of one run: same numbers, nothing unescaped, nothing fetched."""

import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree.ElementTree import fromstring

from rich.console import Console

from rehearsal.reports.chart import timeline
from rehearsal.reports.files import write_files
from rehearsal.reports.jsonfile import as_json
from rehearsal.reports.junit import as_junit
from rehearsal.reports.markdown import as_markdown
from rehearsal.reports.page import as_html
from rehearsal.reports.terminal import TerminalProgress, render
from rehearsal.verdict import Finding, Status
from tests.unit.rehearsal.samples import MINUTE, report

HELD = Finding(Status.HELD, "it pages", "paged <45s> after")
FAILED = Finding(Status.FAILED, "it pages", "no page from 'A' reached the sink")


def text_of(*findings: Finding, folder: Path) -> str:
    console = Console(width=140, file=StringIO())
    with console.capture() as capture:
        console.print(render(report(folder, *findings)))
    return capture.get()


def test_terminal_tells_the_verdict_and_the_reason(tmp_path: Path) -> None:
    assert "verdict: HELD, all 3 expectations held" in text_of(HELD, folder=tmp_path)
    failed = text_of(FAILED, folder=tmp_path)
    assert "verdict: FAILED, 1 of 3 expectations failed" in failed
    assert "✗ it pages: no page from 'A' reached the sink" in failed


def test_terminal_shows_times_as_production_time(tmp_path: Path) -> None:
    assert re.search(
        r"ISL error rate\s+\+1m 15s\s+\+2m 00s\s+\+2m 12s\s+\+9m 00s\s+-",
        text_of(HELD, folder=tmp_path),
    )


def test_html_escapes_what_came_over_the_wire_and_loads_nothing(tmp_path: Path) -> None:
    page = as_html(report(tmp_path, HELD))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "step <b>" not in page
    assert not re.search(r"(src|href)=", page)
    assert "url(" not in page


def test_a_sentry_that_failed_its_canary_is_not_believed_either_way(tmp_path: Path) -> None:
    dead = replace(report(tmp_path, HELD), canary=replace(FAILED, what="the canary pages"), drills=())
    assert dead.status is Status.UNTRUSTED
    console = Console(width=140, file=StringIO())
    with console.capture() as capture:
        console.print(render(dead))
    assert "verdict: SENTRY NOT TRUSTWORTHY" in capture.get()
    assert 'class="verdict untrusted"' in as_html(dead)
    assert json.loads(as_json(dead))["verdict"] == "untrusted"


def test_html_of_a_failure_puts_the_reason_first(tmp_path: Path) -> None:
    page = as_html(report(tmp_path, FAILED))
    assert page.index("Failed</p>") < page.index("no page from &#39;A&#39; reached the sink") < page.index("<svg")


def test_html_of_a_run_without_fault_says_so(tmp_path: Path) -> None:
    full = report(tmp_path, FAILED)
    quiet = replace(full, drills=(replace(full.drills[0], fault_at=None, cleared_at=None),))
    assert "no fault was injected" in as_html(quiet)
    assert "fault on" not in as_html(quiet)


def test_a_threshold_of_zero_can_be_drawn(tmp_path: Path) -> None:
    full = report(tmp_path, HELD)
    svg = timeline(replace(full, entries=()), 0.0, MINUTE)
    assert svg.startswith("<svg")


def test_json_has_the_verdict_the_books_and_seconds(tmp_path: Path) -> None:
    found = json.loads(as_json(report(tmp_path, FAILED)))
    assert found["verdict"] == "failed"
    assert found["books"]["is_closed"] is True
    assert found["drills"][0]["times"][0]["paged_at"] == 132.0
    assert found["drills"][0]["findings"][0]["status"] == "failed"


def test_files_lie_in_the_run_folder(tmp_path: Path) -> None:
    write_files(report(tmp_path, HELD), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "report.html",
        "report.json",
        "report.junit.xml",
        "report.md",
    ]


def test_junit_has_a_case_for_each_expectation(tmp_path: Path) -> None:
    odd = Finding(Status.FAILED, "it pages", "a control \x00 character")
    root = fromstring(as_junit(report(tmp_path, HELD, odd)))  # noqa: S314 - our own
    assert (root.get("tests"), root.get("failures")) == ("4", "1")
    drill, whole = root.findall("testsuite")
    assert (drill.get("name"), drill.get("failures")) == ("step <b>", "1")
    assert [failure.get("message") for failure in drill.iter("failure")] == ["a control � character"]
    assert (whole.get("name"), whole.get("failures")) == ("the whole run", "0")


def test_markdown_says_what_failed_and_escapes_it(tmp_path: Path) -> None:
    text = as_markdown(report(tmp_path, Finding(Status.FAILED, "it <pages>", "a | b")), None)
    assert text.startswith("## Sentry rehearsal: FAILED\n")
    assert "- ✗ **it \\<pages\\>**: a \\| b" in text
    assert "| step \\<b\\> | ISL error rate | +1m 15s |" in text
    assert "baseline" not in text
    assert as_markdown(report(tmp_path, HELD), []).endswith("### Against the baseline\n\n- no notable difference\n")


def test_progress_without_a_terminal_is_lines(tmp_path: Path) -> None:
    with (tmp_path / "err").open("w") as file, TerminalProgress(Console(file=file, width=80)) as progress:
        progress.say("engine up")
        progress.show("too soon to be worth a line")
    assert (tmp_path / "err").read_text() == "   0.0s  engine up\n"
