"""The three reports of one run: same numbers, nothing unescaped, nothing fetched."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from rich.console import Console

from rehearsal.judge import judge_counts
from rehearsal.reports.files import write_files
from rehearsal.reports.jsonfile import as_json
from rehearsal.reports.junit import as_junit
from rehearsal.reports.markdown import as_markdown
from rehearsal.reports.page import as_html
from rehearsal.reports.svg import NARROW, WIDE
from rehearsal.reports.terminal import TerminalProgress, render
from rehearsal.reports.timeline import curve_chart, lanes, load_chart
from rehearsal.sampling import Arrived, Configured, Sampled, effective_rates
from rehearsal.settings import ROOT
from rehearsal.verdict import Finding, Skipped, Status
from tests.unit.rehearsal.samples import COUNTS, CURVE, MINUTE, report

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


def test_terminal_has_the_parts_of_a_time_the_rates_and_the_cpu(tmp_path: Path) -> None:
    said = text_of(HELD, folder=tmp_path)
    assert re.search(r"step <b>\s+ISL error rate\s+2m 12s\s+30s\s+1m 00s\s+30s\s+200 ms\s+100 ms", said)
    assert re.search(r"traces, all endpoints\s+100.0%\s+100.0%\s+100.0%\s+-\s+-\s+9\d.\d% to 100.0%", said)
    assert re.search(r"/w\s+60\s+12\s+59\s+12\s+1 lost\s+req_a", said)
    assert "CPU, of 2 cores: service 0.40, engine 0.20, load 0.10, rehearsal itself 0.05, others" in said
    assert "! the machine was busy with <others>" in said
    assert "cost of a month in USD: team " in said


def test_terminal_says_why_a_rate_is_off(tmp_path: Path) -> None:
    arrived = Arrived((Sampled("/v", 1.0),) * 300, {"backpressure": 60})
    found = replace(report(tmp_path, HELD), rates=effective_rates(Configured(1.0), arrived))
    console = Console(width=140, file=StringIO())
    with console.capture() as capture:
        console.print(render(found))
    assert re.search(r"traces, all endpoints: 0\.\d+ by reports.*; 60 dropped under backpressure", capture.get())


def test_page_and_finding_allow_a_count_the_same(tmp_path: Path) -> None:
    found = report(tmp_path, HELD)
    assert (
        "weights 118 ± 12 requests of the load" in judge_counts([replace(found.counts[1], least=500, most=500)]).detail
    )
    assert "118 <small>± 12</small>" in as_html(found)


def test_a_narrow_terminal_cuts_no_word_of_a_table(tmp_path: Path) -> None:
    """Eighty columns are what a terminal has; what does not fit as a table is lines."""
    console = Console(width=80, file=StringIO())
    with console.capture() as capture:
        console.print(render(report(tmp_path, HELD)))
    said = capture.get()
    assert "…" not in said
    unwrapped = " ".join(said.split())
    assert "traces, all endpoints configured: 100.0%; reports: 100.0%; weights: 100.0%; 95 %: " in unwrapped
    assert "/w sent: 60; failed: 12; transactions: 59; error events: 12; does not fit: 1 lost" in unwrapped


def test_a_count_that_is_a_range_is_explained_where_it_is_shown(tmp_path: Path) -> None:
    lost = replace(COUNTS[2], counted=90, unknown=60, excuse="2 of the SDK's session envelopes were lost")
    found = replace(report(tmp_path, HELD), counts=(*COUNTS[:2], lost))
    said = as_html(found)
    assert "<td>90 to 150</td>" in said
    assert "here 1h 00m of production, so their range is wide" in said
    assert "range is wide" not in as_html(report(tmp_path, HELD))
    console = Console(width=400, file=StringIO())
    with console.capture() as capture:
        console.print(render(found))
    assert "here 1h 00m of production, so their range is wide" in capture.get()


def test_page_names_the_run_so_that_the_command_finds_it(tmp_path: Path) -> None:
    page = as_html(report(tmp_path, HELD))
    [command] = re.findall(r"<code>(rehearse whatif [^<]*)</code>", page)
    assert Path(command.rpartition(" ")[2]) == tmp_path


def test_a_run_without_a_bill_says_why(tmp_path: Path) -> None:
    full = report(tmp_path, HELD)
    none = replace(full, month=replace(full.month, bills=(), why_none="too few <requests>"))
    assert "Not computed: too few &lt;requests&gt;" in as_html(none)
    assert "a month" not in as_markdown(none, None)


def test_a_report_in_a_log_is_wider_than_eighty_columns() -> None:
    """And one whose reader says how wide it is, is as wide as that."""
    code = "from rehearsal.reports.terminal import report_console; print(report_console().width)"
    for columns, expected in ((None, "140"), ("61", "61")):
        environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        environ |= {"COLUMNS": columns} if columns else {}
        argv = [sys.executable, "-c", code]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environ, cwd=ROOT)
        assert done.stdout.strip() == expected


def test_html_escapes_what_came_over_the_wire_and_loads_nothing(tmp_path: Path) -> None:
    page = as_html(report(tmp_path, HELD))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "step <b>" not in page
    assert not re.search(r"src=|href=.(?!#)", page)  # links to its own sections alone
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


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("points", [(), ((MINUTE, None),), ((MINUTE, 0.0), (2 * MINUTE, 0.0))])
def test_any_curve_can_be_drawn(
    tmp_path: Path, width: float, points: tuple[tuple[timedelta, float | None], ...]
) -> None:
    """Without data, and with a threshold of zero."""
    full = replace(report(tmp_path, HELD), entries=(), pages=())
    svg = curve_chart(full, replace(CURVE, threshold=0.0, points=points), width)
    assert fromstring(svg).tag == "svg"  # noqa: S314 - our own
    assert "nan" not in svg


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_lanes_and_load_can_be_drawn_without_any_drill(tmp_path: Path, width: float) -> None:
    empty = replace(report(tmp_path), drills=(), entries=(), pages=())
    assert all(fromstring(draw(empty, width)).tag == "svg" for draw in (lanes, load_chart))  # noqa: S314 - our own


def test_a_curve_is_broken_where_there_was_no_data(tmp_path: Path) -> None:
    assert curve_chart(report(tmp_path, HELD), CURVE, WIDE).count("<polyline") == 2


def test_marks_say_what_they_are(tmp_path: Path) -> None:
    svg = lanes(report(tmp_path, HELD), WIDE)
    assert "<title>2m 12s &lt;script&gt;alert(1)&lt;/script&gt;: critical</title>" in svg
    assert "<title>1 step &lt;b&gt;: held, 0s to 12m 00s</title>" in svg


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


def test_each_report_names_the_sentry_that_was_there_and_the_drills_that_it_was_spared(tmp_path: Path) -> None:
    made = replace(
        report(tmp_path, HELD),
        engine="self-hosted Sentry 26.8.0",
        skipped=(Skipped("sentry-away", "it needs an engine of our own"),),
    )
    console = Console(width=140, file=StringIO())
    with console.capture() as capture:
        console.print(render(made))
    for text in (capture.get(), as_markdown(made, None), as_html(made), as_json(made)):
        assert "self-hosted Sentry 26.8.0" in text
        assert "sentry-away" in text
        assert "it needs an engine of our own" in text


def test_progress_without_a_terminal_is_lines(tmp_path: Path) -> None:
    with (tmp_path / "err").open("w") as file, TerminalProgress(Console(file=file, width=80)) as progress:
        progress.say("engine up")
        progress.show("too soon to be worth a line")
    assert (tmp_path / "err").read_text() == "   0.0s  engine up\n"
