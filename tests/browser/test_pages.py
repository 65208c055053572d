"""Each page in a real browser, on data that came through a socket: live, usable, accessible, running its own only."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FloatRect, Locator, Page, expect

from rehearsal.reports.cost_tables import number
from tests.browser.story import ENDPOINTS, RUNS, Story, rich_error
from tests.path.engine import ORGANIZATION, Start, detector_body, error, starting, transaction

pytestmark = pytest.mark.browser
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = (
    "overview",
    "issues",
    "issue",
    "breach",
    "performance",
    "endpoint",
    "trace",
    "monitors",
    "monitor",
    "alerts",
    "stats",
    "decision",
    "releases",
    "rehearsals",
    "rehearsal",
    "error",
    "unknown",
)


def address(told: Story, name: str) -> str:
    """Where a page is."""
    engine = told.project.engine
    found = {each["title"]: each["id"] for each in engine.ask("GET", f"{ORGANIZATION}/issues/", query="")}
    detectors = engine.ask("GET", f"{ORGANIZATION}/detectors/", project=told.project.slug, query="type:metric_issue")
    paths = {
        "overview": "/?period=24h",
        "issues": "/issues/?query=",
        "issue": f"/issues/{found['ComputationError: counterfactual failed']}/?event={told.event_id}",
        "breach": f"/issues/{found['Failure rate']}/",
        "performance": "/performance/?period=24h",
        "endpoint": f"/performance/endpoint/?period=24h&name={quote(ENDPOINTS[0][0])}",
        "trace": f"/traces/{told.trace_id}/",
        "monitors": "/monitors/",
        "monitor": f"/monitors/{detectors[0]['id']}/?period=1h&high=0.5&resolve=0.2",
        "alerts": "/alerts/",
        "stats": "/stats/?period=24h",
        "decision": "/decision/?period=24h&basis=measured",
        "releases": "/releases/",
        "rehearsals": "/rehearsals/",
        "rehearsal": f"/rehearsals/{RUNS[1]}/?against={RUNS[0]}",
        "error": "/issues/?query=title:*nothing*",
        "unknown": "/no-such-page",
    }
    return engine.url + paths[name]


def check_page(tab: Page) -> None:
    """No rule of accessibility is broken in the light or in the dark, and a phone need not scroll sideways."""
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        found = Axe().run(tab, options={"runOnly": {"type": "tag", "values": RULES}})
        assert found.response["violations"] == [], f"{scheme}: {found.generate_report()}"
    tab.set_viewport_size({"width": 380, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 380


@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_and_fits_a_phone(tab: Page, told: Story, name: str) -> None:
    tab.goto(address(told, name))
    expect(tab.locator("h1")).to_be_visible()
    expect(tab.locator("[data-later]")).to_have_count(0, timeout=60_000)  # what is computed beside the page is there
    check_page(tab)


def check_edges(tab: Page, region: Locator) -> None:
    """Where a table goes on, its edge is shaded; where it ends, it is not, in the light and in the dark."""
    tab.set_viewport_size({"width": 380, "height": 800})
    region.evaluate("box => { box.firstElementChild.style.visibility = 'hidden'; box.scrollIntoView() }")
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        region.evaluate("box => { box.scrollLeft = 0 }")
        bare, shaded = edges(tab, region)
        assert bare != shaded
        region.evaluate("box => { box.scrollLeft = box.scrollWidth }")
        left, right = edges(tab, region)
        assert (left != bare, right == bare) == (True, True)


def edges(tab: Page, region: Locator) -> tuple[bytes, bytes]:
    """The outermost pixel on the left and on the right, in the middle of a region."""
    box = region.bounding_box()
    assert box is not None
    sides = (box["x"] + 1, box["x"] + box["width"] - 2)
    left, right = (FloatRect(x=x, y=box["y"] + box["height"] / 2, width=1, height=1) for x in sides)
    return tab.screenshot(clip=left), tab.screenshot(clip=right)


def test_a_table_that_goes_on_sideways_says_so(tab: Page, told: Story) -> None:
    tab.goto(address(told, "alerts"))
    check_edges(tab, tab.get_by_role("region", name="Notifications"))


def test_a_phone_shows_the_section_that_one_is_in(tab: Page, told: Story) -> None:
    tab.set_viewport_size({"width": 380, "height": 800})
    tab.goto(address(told, "rehearsals"))
    expect(tab.get_by_role("link", name="Rehearsals")).to_be_in_viewport(ratio=1)
    expect(tab.get_by_role("link", name="Overview")).not_to_be_in_viewport()


def test_overview_follows_without_a_reload(tab: Page, told: Story) -> None:
    tab.goto(address(told, "overview"))
    tab.evaluate("window.isSame = true")
    before = tab.locator(".window").inner_text()
    told.project.send(("transaction", transaction(transaction=ENDPOINTS[0][0])))
    told.project.send(("event", error("FreshError")))
    expect(tab.get_by_role("link", name="FreshError")).to_be_visible()
    expect(tab.locator(".window")).not_to_have_text(before)
    assert tab.evaluate("window.isSame") is True


def test_overview_says_when_the_engine_is_gone(tab: Page, told: Story) -> None:
    tab.goto(address(told, "overview"))
    tab.route(
        "**/*",
        lambda route: route.fulfill(status=503) if route.request.resource_type == "fetch" else route.continue_(),
    )
    expect(tab.locator("#live-state")).to_have_text("The engine does not answer; what you see is old.")
    tab.unroute("**/*")
    expect(tab.locator("#live-state")).to_have_text("")


def test_an_issue_is_found_and_resolved_by_keyboard(tab: Page, told: Story) -> None:
    told.project.send(("event", error("ForgottenError")))
    tab.goto(f"{told.project.engine.url}/issues/")
    tab.get_by_role("textbox", name="Search").fill("is:unresolved title:Forgotten*")
    tab.get_by_role("textbox", name="Search").press("Enter")
    tab.get_by_role("link", name="ForgottenError").focus()
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Resolve").press("Enter")
    expect(tab.get_by_role("button", name="Reopen")).to_be_visible()
    tab.goto(f"{told.project.engine.url}/issues/?query=is:resolved")
    expect(tab.get_by_role("link", name="ForgottenError")).to_be_visible()


def test_thresholds_are_tried(tab: Page, told: Story) -> None:
    tab.goto(f"{told.project.engine.url}/monitors/")
    tab.get_by_role("link", name="Failure rate").click()
    tab.evaluate("window.isSame = true")
    tab.get_by_label("high at").fill("0.9")
    expect(tab.get_by_text("Never in this period.")).to_be_visible()
    tab.get_by_label("high at").fill("0.001")
    tab.get_by_role("button", name="What would have fired?").click()
    expect(tab.locator("#tried").get_by_text("Never in this period.")).to_be_hidden()
    expect(tab.locator("#tried")).to_contain_text("high > 0.1 %")
    assert tab.evaluate("window.isSame") is True


def ask(command: str, *options: str) -> Any:
    """The command line's answer at the traffic of the test."""
    argv = [sys.executable, "-m", "rehearsal.cli", command, "--traffic", "20M/month", *options, "--json"]
    return json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout)


def test_a_slider_is_moved_and_the_answer_is_that_of_whatif(tab: Page, told: Story) -> None:
    """The number box beside it, the bill and the alerts follow, without a reload; the address can be handed on."""
    tab.goto(f"{told.project.engine.url}/decision/")
    tab.evaluate("window.isSame = true")
    tab.get_by_label("traffic").fill("20M/month")
    tab.get_by_label("Sample rate of all endpoints, slider").fill("35")
    tab.get_by_label("causal/counterfactual", exact=True).fill("10")
    rates = ("--traces", "0.35", "--endpoint", "causal/counterfactual=0.1")
    [choice] = ask("whatif", *rates)["choices"]
    total = f"{Decimal(choice['bills'][0]['total']):,.2f}"
    expect(tab.locator(".tile", has_text="A month in team").locator(".big")).to_have_text(f"{total} USD")
    for watched in choice["watched"]:
        row = tab.locator("#answer tr", has_text=watched["monitor"])
        expect(row).to_contain_text(f"{watched['power']['requests_per_window']:,.1f}")
        expect(row).to_contain_text(number(watched["power"]["false_pages_per_month"]))
    expect(tab.get_by_label("causal/validate", exact=True)).to_have_value("35")
    advised = ask("recommend")["advice"]["rates"]["routes"]["causal/validate"]
    mark = tab.locator('[id="advised-rate%3Acausal/validate"]')
    expect(mark).to_contain_text(f"recommended {100 * advised:g}", timeout=60_000)
    assert tab.evaluate("window.isSame") is True
    tab.goto(tab.url)
    expect(tab.locator(".tile", has_text="A month in team").locator(".big")).to_have_text(f"{total} USD")


def test_the_decision_page_says_what_cannot_be_asked(tab: Page, told: Story) -> None:
    tab.goto(f"{told.project.engine.url}/decision/")
    tab.get_by_label("traffic").fill("much")
    expect(tab.get_by_role("alert")).to_contain_text("traffic 'much': write for example 1M/month")


def test_a_rehearsal_is_opened_compared_and_its_report_read(tab: Page, told: Story) -> None:
    tab.goto(f"{told.project.engine.url}/rehearsals/")
    tab.get_by_role("link", name="2026-11-23 12:00:00").first.click()
    tab.get_by_role("button", name="Compare").click()
    expect(tab.get_by_text("step <b>: held before, failed now")).to_be_visible()
    tab.get_by_role("link", name="Whole report").click()
    expect(tab.get_by_role("heading", name="step <b>")).to_be_visible()
    assert tab.evaluate("window.hit") is None


def test_overview_shows_the_fault_the_bill_and_what_was_sent(tab: Page, told: Story) -> None:
    tab.goto(address(told, "overview"))
    expect(tab.locator(".tile", has_text="Bill a month").locator(".big")).to_contain_text("USD")
    expect(tab.locator(".lanes", has_text="Faults")).to_contain_text("1 fault, on now")
    assert tab.locator(".lane title", has_text="error_rate 0.2 at <b> from").count() == 1
    row = tab.locator("tr", has=tab.get_by_role("link", name=ENDPOINTS[3][0]))
    expect(row).to_contain_text(re.compile(r"[1-9]\S* to [1-9]\S* %"))  # the effective rate's interval
    expect(tab.get_by_role("region", name="Projected bill")).to_contain_text("spans")


CUT_TABLES = (
    "[...document.querySelectorAll('.wall .scroll')].filter(each => each.scrollWidth > each.clientWidth).length"
)
# Monitors' names that stand on more lines than they have words.
CUT_NAMES = """[...document.querySelectorAll('[aria-label=Monitors] a')]
    .map(each => [each.textContent, each.getClientRects().length])
    .filter(([name, lines]) => lines > name.split(' ').length)"""
# Headings that reach into the legend beside them.
MET_LEGENDS = """[...document.querySelectorAll('.wall .card:has(> .legend) h2')].filter(each => {
    const text = document.createRange();
    text.selectNodeContents(each);
    const legend = each.parentElement.querySelector('.legend li');
    return text.getBoundingClientRect().right + 8 > legend.getBoundingClientRect().left;
}).map(each => each.textContent)"""


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1440, 900), (1920, 1080)])
def test_overview_is_one_screen_on_a_desk(tab: Page, told: Story, width: int, height: int) -> None:
    tab.set_viewport_size({"width": width, "height": height})
    tab.goto(address(told, "overview"))
    expect(tab.get_by_role("heading", name="Last notifications")).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollHeight") <= height
    assert tab.evaluate(CUT_TABLES) == 0


def test_alerts_break_no_word_of_who_is_told_by_what(tab: Page, told: Story) -> None:
    """Chromium breaks a word where a column is narrow; it stands in one rectangle where it is whole."""
    tab.set_viewport_size({"width": 600, "height": 900})
    tab.goto(address(told, "alerts"))
    words = tab.get_by_role("region", name="Alerts").get_by_text(re.compile("^integration "))
    expect(words.first).to_be_visible()
    lines = """each => { const text = document.createRange(); text.selectNodeContents(each);
        return text.getClientRects().length }"""
    assert [each.evaluate(lines) for each in words.all()] == [1] * words.count()


def test_overview_of_a_laptop_cuts_no_table_and_no_word(tab: Page, told: Story) -> None:
    body = detector_body(name="Unseen answers")  # without data, what is beside its name is the widest
    body["dataSources"][0] |= {"query": "transaction:nothing", "aggregate": "p95(span.duration)"}
    told.project.engine.ask("POST", f"{ORGANIZATION}/projects/{told.project.slug}/detectors/", body)
    tab.set_viewport_size({"width": 1366, "height": 768})
    tab.goto(address(told, "overview"))
    expect(tab.get_by_role("region", name="Monitors")).to_contain_text("Unseen answers")
    assert tab.evaluate(CUT_TABLES) == 0
    assert tab.evaluate(CUT_NAMES) == []
    assert tab.evaluate(MET_LEGENDS) == []


ATTACKS = (
    "<script>window.hit = 1</script>",
    "\"><img src=x onerror='window.hit = 1'>",
    "'\"--></title></style></script><svg onload=window.hit=1>",
    "javascript:window.hit=1//",
    "{{ 7 * 7 }}{% raw %}",
    "</pre></code><iframe srcdoc='<script>parent.hit=1</script>'>",
    "\u2028<a href=data:text/html,<script>top.hit=1</script>>x</a>",
)


def attacked(attack: str) -> dict[str, Any]:
    """An error with the attack wherever a text can be."""
    frame = dict.fromkeys(("filename", "function", "module", "context_line"), attack)
    frames = [frame | {"pre_context": [attack], "vars": {attack: attack}, "in_app": True, "lineno": 1}]
    return rich_error(
        uuid4().hex,
        exception={"values": [{"type": attack, "value": attack, "stacktrace": {"frames": frames}}]},
        transaction=attack,
        release=attack.replace("/", "").replace("\\", "")[:60].strip(),
        environment="production",
        level="error",
        server_name=attack,
        user={"id": attack, "email": attack},
        tags={"attack": attack, attack[:30]: attack},
        contexts={"dag": {attack: attack}, attack: {"a": attack}, "trace": {"trace_id": uuid4().hex}},
        breadcrumbs={"values": [{"category": attack, "message": attack, "data": {attack: attack}, "timestamp": 1}]},
        request={"url": attack, "method": attack, "headers": {"User-Agent": attack, attack: attack}, "data": attack},
        logentry={"formatted": attack},
    )


def test_what_a_stranger_sends_does_nothing(tab: Page, told: Story) -> None:
    engine, project = told.project.engine, told.project.engine.project("attacked")
    traces = []
    for attack in ATTACKS:
        item = transaction(transaction=f"GET {attack}")
        now = datetime.now(UTC).timestamp()  # noqa: TID251 - the engine is a process with the machine's clock
        times = {"start_timestamp": now, "timestamp": now + 1}
        item["spans"] = [{"span_id": "a" * 16, "trace_id": uuid4().hex, "op": attack, "description": attack} | times]
        project.send(("transaction", item))
        project.send(("event", attacked(attack)))
        traces.append(item["contexts"]["trace"]["trace_id"])
    issues = engine.ask("GET", f"{ORGANIZATION}/issues/", query="", project=project.slug)
    assert len(issues) == len(ATTACKS)
    scope = f"project={project.slug}"
    for path in (
        *(f"{section}?{scope}" for section in ("/", "/issues/", "/performance/", "/releases/", "/rehearsals/")),
        *(f"/issues/{issue['id']}/" for issue in issues),
        *(f"/traces/{trace_id}/?{scope}" for trace_id in traces),
        *(f"/issues/?{scope}&query={quote(attack)}" for attack in ATTACKS),
        *(f"/performance/endpoint/?{scope}&name={quote(f'GET {attack}')}" for attack in ATTACKS),
        *(f"/decision/?{scope}&traffic={quote(attack)}&rate:{quote(attack)}=5" for attack in ATTACKS),
    ):
        tab.goto(engine.url + path, wait_until="domcontentloaded")
        assert tab.evaluate("window.hit") is None, path
        assert tab.locator("main").locator("script, iframe, img, [onload], [onerror]").count() == 0, path
        assert tab.locator("main a[href^='javascript:'], main a[href^='data:']").count() == 0, path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


def test_a_person_logs_in_where_others_can_reach_the_engine(start: Start, tab: Page) -> None:
    """The page is closed before the engine ends, which it may still be loading from."""
    engine = start(host="0.0.0.0")  # noqa: S104 - this is what is tested
    tab.goto(f"{engine.url}/issues/")
    check_page(tab)
    tab.get_by_label("Token").fill("a guess")
    tab.get_by_role("button", name="Log in").click()
    expect(tab.get_by_role("alert")).to_have_text("That is not the token.")
    check_page(tab)
    tab.get_by_label("Token").fill((engine.data_dir / "token").read_text())
    tab.get_by_role("button", name="Log in").click()
    expect(tab.get_by_role("heading", name="Nothing is here yet")).to_be_visible()
    tab.get_by_role("button", name="Log out").click()
    expect(tab.get_by_label("Token")).to_be_visible()


def test_pages_without_data_and_one_that_fails_are_as_accessible_as_the_others(tab: Page, tmp_path: Path) -> None:
    runs = tmp_path / "a-folder-whose-name-is-long" / ("runs" * 12)
    with contextmanager(starting)(tmp_path / "engine", module=("rehearsal.console", "--runs", str(runs))) as start:
        engine = start()
        engine.project()
        for path in ("/", "/releases/", "/stats/", "/rehearsals/"):
            tab.goto(engine.url + path)
            check_page(tab)
        with closing(sqlite3.connect(engine.data_dir / "engine.sqlite", isolation_level=None)) as other:
            other.execute("ALTER TABLE release_project RENAME TO lost")
        tab.goto(f"{engine.url}/releases/")
        expect(tab.get_by_role("heading", name="This page failed")).to_be_visible()
        check_page(tab)
        tab.goto("about:blank")  # nothing is loaded from an engine that ends
