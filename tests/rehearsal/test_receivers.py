"""Rules that name chats, an on-call tool and mail, rehearsed: the engine's messages reach the sink, each verified."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sentry_sdk

from monitors.load import RULES_DIRECTORY, load_rules
from monitors.model import Action, RuleSet
from rehearsal.settings import Options
from rehearsal.sink import read_pages
from rehearsal.stack import Stack
from tests.path.engine import await_true

pytestmark = pytest.mark.rehearsal
ACTIONS = (
    Action("sentry_app", "ops"),
    Action("webhook", "webhooks"),
    Action("slack", "#ops", "acme"),
    Action("slack", "#dev", "acme"),
    Action("discord", "123456789"),
    Action("msteams", "On call"),
    Action("pagerduty", "isl"),
    Action("email", "user:ann@acme.test"),
)
EXPECTED = {
    ("sentry_app", "ops", True),
    ("webhook", "webhooks", None),
    ("slack", "#ops", True),
    ("slack", "#dev", True),
    ("discord", "123456789", True),
    ("msteams", "On call", True),
    ("pagerduty", "isl", True),
    ("email", "ann@acme.test", None),
}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(Options(var=tmp_path), tmp_path / "stack")
    yield stack
    stack.stop()


def test_every_receiver_of_the_rules_is_the_sink(stack: Stack) -> None:
    shipped = load_rules(RULES_DIRECTORY)
    [alert] = [each for each in shipped.alerts if each.builtin]
    rules = RuleSet((), (replace(alert, actions=ACTIONS),))
    stack.route(rules)
    stack.start_engine()
    stack.start_sink()
    assert stack.provision(rules) == 1
    client = sentry_sdk.Client(stack.dsn, default_integrations=False)
    client.capture_event({"message": "it broke", "level": "error"})
    client.close(timeout=10)
    await_true("a message on every channel", lambda: len(list(read_pages(stack.pages))) == len(ACTIONS))
    pages = list(read_pages(stack.pages))
    assert {(page.kind, page.channel, page.is_signed) for page in pages} == EXPECTED
    assert all(page.is_drill for page in pages)
    assert {page.alert for page in pages} == {alert.name}
