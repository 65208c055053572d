"""Everything sentry-sdk for Python can send, sent by it and found in the books."""

import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.path.engine import DEADLINE_S, Engine, Project, start_engine

PROLOGUE = """
import sys, time, sentry_sdk
from sentry_sdk.envelope import Envelope, Item, PayloadRef
"""
INIT = "sentry_sdk.init(sys.argv[1], release='isl@1', environment='test', default_integrations=False, {})\n"
EPILOGUE = "\nsentry_sdk.get_client().close(timeout=20)\n"
# What it is -> options of init, what the program does, and what must then be in the books.
PROGRAMS = {
    "transactions": (
        "traces_sample_rate=1.0",
        """
for _ in range(3):
    with sentry_sdk.start_transaction(name='/items', op='http.server', source='route'):
        with sentry_sdk.start_span(op='db'): pass
""",
        {("transaction", "accepted"): 3, ("span", "accepted"): 6},
    ),
    "errors": (
        "",
        """
for number in range(2):
    try: 1 / 0
    except ZeroDivisionError as error: sentry_sdk.capture_exception(error)
""",
        {("error", "accepted"): 2},
    ),
    "logs": (
        "enable_logs=True",
        """
import sentry_sdk.logger
for number in range(5): sentry_sdk.logger.info('number {n}', n=number)
""",
        {("log_item", "accepted"): 5},
    ),
    "metrics": (
        "",
        """
for _ in range(4): sentry_sdk.metrics.count('orders', 1)
""",
        {("trace_metric", "accepted"): 4},
    ),
    "check-ins": (
        "",
        """
from sentry_sdk.crons import monitor
with monitor(monitor_slug='nightly'): pass
""",
        {("monitor", "accepted"): 2},
    ),
    "attachments": (
        "",
        """
with sentry_sdk.new_scope() as scope:
    scope.add_attachment(bytes=b'12345', filename='a.txt')
    sentry_sdk.capture_message('with a file')
""",
        {("error", "accepted"): 1, ("attachment", "accepted"): 5, ("attachment_item", "accepted"): 1},
    ),
    "feedback": (
        "",
        """
envelope = Envelope(headers={'event_id': 'a' * 32})
payload = {'event_id': 'a' * 32, 'contexts': {'feedback': {'message': 'it is slow'}}}
envelope.add_item(Item(payload=PayloadRef(json=payload), type='feedback'))
sentry_sdk.get_client().transport.capture_envelope(envelope)
""",
        {("feedback", "accepted"): 1},
    ),
    "continuous profiles": (
        "profile_session_sample_rate=1.0, profile_lifecycle='manual', traces_sample_rate=1.0",
        """
sentry_sdk.profiler.start_profiler()
until = time.monotonic() + 0.5
while time.monotonic() < until: sum(range(1000))
sentry_sdk.profiler.stop_profiler()
time.sleep(0.5)
""",
        {("profile_chunk", "accepted"): 1},
    ),
    "profiles of transactions": (
        "traces_sample_rate=1.0, profiles_sample_rate=1.0",
        """
with sentry_sdk.start_transaction(name='/items', op='http.server', source='route'):
    until = time.monotonic() + 0.5
    while time.monotonic() < until: sum(range(1000))
""",
        {("transaction", "accepted"): 1, ("span", "accepted"): 1, ("profile", "accepted"): 1},
    ),
    "sessions": (
        "",
        """
for _ in range(3):
    with sentry_sdk.isolation_scope() as scope:
        scope.start_session(session_mode='request'); scope.end_session()
""",
        {("session", "accepted"): 1},
    ),
    "spans as a stream": (
        "traces_sample_rate=1.0, trace_lifecycle='stream'",
        """
with sentry_sdk.traces.start_span(name='/items', attributes={'sentry.op': 'http.server'}):
    with sentry_sdk.traces.start_span(name='query'): pass
""",
        {("span", "accepted"): 2},
    ),
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    yield engine
    assert engine.end() in (0, -15), (engine.data_dir / "log").read_text()


def run(project: Project, options: str, body: str) -> None:
    program = PROLOGUE + INIT.format(options) + body + EPILOGUE
    done = subprocess.run(
        [sys.executable, "-c", program, project.dsn], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", PROGRAMS)
def test_what_the_sdk_sends_is_accepted(engine: Engine, what: str) -> None:
    """Each item is accepted as its category, in its number, and nothing else is in the books."""
    project = engine.project(f"p-{uuid4().hex[:8]}")
    options, body, expected = PROGRAMS[what]
    run(project, options, body)
    found: dict[tuple[str, str], int] = {}
    for (category, outcome, _), quantity in project.outcomes().items():
        if not category.endswith("_byte"):
            found[category, outcome] = quantity
    assert found == expected


def test_streamed_spans_are_requests(engine: Engine) -> None:
    project = engine.project(f"p-{uuid4().hex[:8]}")
    options, body, _ = PROGRAMS["spans as a stream"]
    run(project, options, body)
    rows = project.search("spans", "transaction", "span.op", "span.status", "release", "environment")
    assert rows == [
        {
            "transaction": "/items",
            "span.op": "http.server",
            "span.status": "ok",
            "release": "isl@1",
            "environment": "test",
        }
    ]
