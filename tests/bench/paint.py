"""When a real Chromium first paints a page."""

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM

FIRST = """() => new Promise(found => new PerformanceObserver(list => {
  for (const each of list.getEntriesByName('first-contentful-paint')) found(each.startTime);
}).observe({type: 'paint', buffered: true}))"""


def first_paints_ms(url: str, times: int) -> list[float]:
    """Milliseconds from asking for the page to its first content, each by a visitor with nothing cached.

    None of them where no Chromium is.
    """
    if CHROMIUM is None:
        return []
    found: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        for _ in range(times):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.goto(url)
            found.append(page.evaluate(FIRST))
            context.close()
        browser.close()
    return found
