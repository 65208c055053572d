"""The report of a run in a real browser: whole on a phone, in print, in light and dark; it asks nobody for anything."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from rehearsal.reports.page import as_html
from rehearsal.sampling import Arrived, Configured, Sampled, effective_rates
from rehearsal.verdict import Finding, Status
from tests.browser.test_pages import RULES, check_edges
from tests.unit.rehearsal.samples import report

pytestmark = pytest.mark.browser
PHONE, DESKTOP = 380, 1280
PAPER = 690  # pixels of an A4 sheet between its margins
FINDINGS = (
    Finding(Status.HELD, "it pages", "in time"),
    Finding(Status.FAILED, "it resolves", f"no recovery, {'/a/very/long/word' * 8}"),
)


@pytest.fixture
def shown(tab: Page, tmp_path: Path) -> Page:
    tab.set_content(as_html(report(tmp_path, *FINDINGS)))
    return tab


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_page_is_as_wide_as_the_screen_and_draws_for_it(shown: Page, width: int) -> None:
    """Tables may be pushed sideways, the page may not; of each chart one drawing is shown."""
    shown.set_viewport_size({"width": width, "height": 900})
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    assert shown.locator("svg >> visible=true").count() == shown.locator("svg").count() / 2
    assert shown.locator(".narrow svg >> visible=true").count() == (0 if width == DESKTOP else 3)
    font_px = shown.evaluate(
        """() => { const svg = [...document.querySelectorAll('svg')].find(each => each.checkVisibility());
        return 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width }"""
    )
    assert font_px >= 10  # letters of a chart


def test_a_table_that_goes_on_sideways_says_so(shown: Page) -> None:
    check_edges(shown, shown.get_by_role("region", name="Time to detect"))


def test_on_a_desktop_the_sample_rates_are_seen_whole(tab: Page, tmp_path: Path) -> None:
    endpoint = "/api/v1/causal/counterfactual/batch"
    arrived = Arrived((Sampled(endpoint, 1.0),) * 2000, {"backpressure": 20}, requests={endpoint: 2010}, sessions=2000)
    found = replace(report(tmp_path, *FINDINGS), rates=effective_rates(Configured(1.0), arrived))
    tab.set_viewport_size({"width": DESKTOP, "height": 900})
    tab.set_content(as_html(found))
    assert tab.evaluate("(box => box.scrollWidth - box.clientWidth)(document.querySelector('#rates .scroll'))") == 0


def test_on_paper_it_is_dark_on_white_with_the_wide_drawings(shown: Page) -> None:
    shown.set_viewport_size({"width": PAPER, "height": 900})
    shown.emulate_media(media="print", color_scheme="dark")
    assert shown.evaluate("document.documentElement.scrollWidth") == PAPER
    assert shown.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    expect(shown.locator(".wide svg").first).to_be_visible()
    expect(shown.locator("nav")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_accessibility_violations(shown: Page, scheme: Literal["light", "dark"]) -> None:
    shown.emulate_media(color_scheme=scheme)
    found = Axe().run(shown, options={"runOnly": {"type": "tag", "values": RULES}})
    assert found.violations_count == 0, found.generate_report()
