"""`docs/runbooks.md` has an entry for every link: of each shipped rule, and of each error code that makes an event."""

import re
from typing import Final
from urllib.parse import urlsplit

import pytest

from monitors.load import RULES_DIRECTORY, load_rules
from rehearsal.settings import ROOT
from service.errors import SERVER_ERROR, ErrorCode

PARTS: Final = ("Means", "First look", "Do", "Silence")
TEXT: Final = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
ENTRIES: Final = dict(re.findall(r"^## ([^\n]+)\n\n(.*?)(?=\n## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
ALERTS: Final = load_rules(RULES_DIRECTORY).alerts
CODES: Final = tuple(code.name for code in ErrorCode if code.value.status >= SERVER_ERROR)


def slug(title: str) -> str:
    return title.lower().replace(" ", "-")


def test_entries_are_those_of_the_shipped_alerts_and_of_the_codes_that_make_events() -> None:
    assert sorted(ENTRIES) == sorted([*(alert.name for alert in ALERTS), *CODES])


@pytest.mark.parametrize("title", ENTRIES)
def test_entry_says_what_it_means_what_to_look_at_what_to_do_and_how_to_silence(title: str) -> None:
    assert tuple(re.findall(r"^- \*\*(.+?)\*\*: \S", ENTRIES[title], re.MULTILINE)) == PARTS


def test_links_of_metric_alerts_lead_to_their_own_entries() -> None:
    links = {alert.name: urlsplit(alert.runbook or "").path for alert in ALERTS if alert.builtin is None}
    assert links
    assert links == {name: f"/isl/{slug(name)}" for name in links}


def test_host_of_the_rules_is_that_of_the_services_links() -> None:
    [pattern] = re.findall(r"ISL_RUNBOOK_URL: (\S+)", (ROOT / "rehearsal" / "plan.yml").read_text(encoding="utf-8"))
    assert {alert.runbook.rpartition("/")[0] for alert in ALERTS if alert.runbook} == {pattern.rpartition("/")[0]}
