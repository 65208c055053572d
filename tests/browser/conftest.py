"""A real Chromium, driven by Playwright; a page that fails its test when anything goes wrong in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Response, sync_playwright

from tests.browser.story import SPEED, Story, console, tell
from tests.path.engine import receiving, starting

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

BAD_STATUS = 400
STATUS_SAID = "Failed to load resource: the server responded with a status of"  # pages may; their assets may not


@dataclass
class Watched:
    """What a page must not do."""

    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> Page:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", self._on_dialog)
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or request.url))
        page.on("response", self._on_response)
        return page

    def _on_console(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning") and not said.text.startswith(STATUS_SAID):
            self.problems.append(said.text)

    def _on_dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _on_response(self, response: Response) -> None:
        if response.status >= BAD_STATUS and response.request.resource_type not in ("document", "fetch"):
            self.problems.append(f"{response.status} {response.url}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a file. Not longer: as long as it is there, an event loop runs in this thread."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """An empty page; at the end of the test, all that went wrong in it fails the test."""
    watched = Watched()
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    yield watched.watch(context.new_page())
    context.close()
    assert watched.problems == []
    assert watched.hosts <= {"127.0.0.1"}


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """An engine with the console's pages, to which the story was told."""
    folder = tmp_path_factory.mktemp("browser")
    run, receive = contextmanager(starting), contextmanager(receiving)
    with run(folder / "engine", module=console(folder)) as start, receive() as receiver:
        yield tell(start(speed=SPEED), receiver)
