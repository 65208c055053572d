"""The real SDK and hand-made requests -> the engine as it is run -> read back through its web API."""

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import brotli
import pytest
import zstandard

from embedded.store.database import Database
from embedded.store.payloads import unpack
from embedded.tap import read_tap
from tests.path.engine import DEADLINE_S, ORGANIZATION, Engine, Project, envelope, error, start_engine, transaction

ENCODINGS = ["gzip", "deflate", "br", "zstd", "identity"]
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda body: bytes(brotli.compress(body)),
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}
# An application as its author writes it; what it sends is told by the SDK alone.
PROGRAM = """
import sys, time
import sentry_sdk

def before_send_transaction(event, hint):
    return None if event["transaction"] == "dropped" else event

sentry_sdk.init(
    sys.argv[1], traces_sample_rate=float(sys.argv[2]), release="isl@1", environment="test",
    before_send_transaction=before_send_transaction, default_integrations=False, auto_session_tracking=False,
)
sentry_sdk.set_tag("service", "isl")
for name in ("/items/{id}", "/items/{id}", "dropped"):
    with sentry_sdk.start_transaction(name=name, op="http.server", source="route") as transaction:
        with sentry_sdk.start_span(op="causal.identify"):
            pass
        transaction.set_status("ok")
for number in range(2):
    try:
        raise ValueError(f"it broke {number}")
    except ValueError as error:
        print(sentry_sdk.capture_exception(error))
sentry_sdk.capture_message("hello")
with sentry_sdk.isolation_scope() as scope:
    scope.start_session(session_mode="request")
    scope.end_session()
sentry_sdk.get_client().close(timeout=20)
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests of this file; each test has a project of its own."""
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    yield engine
    assert engine.end() in (0, -15), (engine.data_dir / "log").read_text()


@pytest.fixture
def project(engine: Engine) -> Project:
    return engine.project(f"p-{uuid4().hex[:8]}")


def run_sdk(dsn: str, rate: float = 1) -> list[str]:
    """Run the program above and return the ids of the exceptions it captured."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, dsn, str(rate)], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_what_the_sdk_sends_is_read_back(engine: Engine, project: Project) -> None:
    event_ids = run_sdk(project.dsn)

    rows = project.search("spans", "id", "transaction", "span.op", "span.status", "release", "environment", "service")
    assert len({row.pop("id") for row in rows}) == 2
    assert (
        rows
        == [
            {
                "transaction": "/items/{id}",
                "span.op": "http.server",
                "span.status": "ok",
                "release": "isl@1",
                "environment": "test",
                "service": "isl",
            }
        ]
        * 2
    )

    issues = engine.ask("GET", f"{ORGANIZATION}/issues/", project=project.slug)
    assert sorted((issue["title"], issue["count"]) for issue in issues) == [
        ("ValueError: it broke 1", "2"),  # the two are one issue, titled by the last
        ("hello", "1"),
    ]
    event = engine.ask("GET", f"/projects/sentry/{project.slug}/events/{event_ids[0]}/")
    assert event["eventID"] == event_ids[0]
    assert {"key": "service", "value": "isl"} in event["tags"]
    assert next(entry for entry in event["entries"] if entry["type"] == "exception")["data"]["values"][-1]["value"] == (
        "it broke 0"
    )
    assert project.outcomes() == {
        ("error", "accepted", ""): 3,
        ("transaction", "accepted", ""): 2,
        ("span", "accepted", ""): 4,
        ("session", "accepted", ""): 1,
        ("transaction", "client_discard", "before_send"): 1,
        ("span", "client_discard", "before_send"): 2,
    }


def test_what_the_sdk_samples_away_is_in_the_books(project: Project) -> None:
    run_sdk(project.dsn, rate=0)
    books = project.outcomes()
    assert books["transaction", "client_discard", "sample_rate"] == 3
    assert ("transaction", "accepted", "") not in books


def _sentry(key: str) -> str:
    return f"Sentry sentry_key={key}, sentry_version=7, sentry_client=test/1"


@pytest.mark.parametrize("form", ["x-sentry-auth", "authorization", "query", "dsn"])
def test_key_may_stand_in_each_of_its_places(project: Project, form: str) -> None:
    body = envelope(("transaction", transaction()), **({"dsn": project.dsn} if form == "dsn" else {}))
    headers = {form: _sentry(project.key)} if form in ("x-sentry-auth", "authorization") else {}
    query = f"?sentry_key={project.key}&sentry_version=7" if form == "query" else ""
    assert project.post(body, headers, query).status_code == 200
    assert len(project.search("spans", "id")) == 1


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_every_encoding_is_read(project: Project, encoding: str, is_chunked: bool) -> None:
    sent = transaction()
    body = ENCODERS[encoding](envelope(("transaction", sent)))
    headers = {"x-sentry-auth": _sentry(project.key), "content-encoding": encoding}
    content = (body[start : start + 100] for start in range(0, len(body), 100)) if is_chunked else body
    url = f"{project.engine.url}/api/{project.id}/envelope/"
    answer = project.engine.client.post(url, content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"id": sent["event_id"]})
    assert [row["id"] for row in project.search("spans", "id")] == [sent["event_id"]]


def test_the_tap_holds_what_arrived_and_the_store_what_was_left_after_scrubbing(tmp_path: Path) -> None:
    with_tap = start_engine(tmp_path / "tapped", tap_bytes="100000")
    try:
        project = with_tap.project()
        body = envelope(("event", error(extra={"password": "hunter2"})))
        headers = {"content-encoding": "gzip", "x-sentry-auth": f"Sentry sentry_key={project.key}, sentry_version=7"}
        assert project.post(gzip.compress(body), headers).status_code == 200
    finally:
        with_tap.end()
    [tapped] = read_tap(with_tap.data_dir / "tap")
    assert (tapped.target, tapped.body) == (f"/api/{project.id}/envelope/", body)
    assert tapped.headers["x-sentry-auth"] == headers["x-sentry-auth"]
    with closing(Database(with_tap.data_dir / "engine.sqlite")) as database:
        [(payload,)] = database.read().execute("SELECT payload FROM error_event")
    assert b"hunter2" not in unpack(payload)


def test_repeated_event_id_is_stored_once(project: Project) -> None:
    sent, raised = transaction(spans=[{}, {}]), error()
    for _ in range(3):
        project.send(("transaction", sent))
        project.send(("event", raised))
    assert len(project.search("spans", "id")) == len(project.search("errors", "id")) == 1
    assert project.outcomes() == {
        ("transaction", "accepted", ""): 1,
        ("transaction", "invalid", "duplicate"): 2,
        ("span", "accepted", ""): 3,
        ("span", "invalid", "duplicate"): 6,
        ("error", "accepted", ""): 1,
        ("error", "invalid", "duplicate"): 2,
    }


def test_same_event_id_in_two_projects_is_two_events(engine: Engine) -> None:
    sent = error()
    projects = [engine.project(f"p-{uuid4().hex[:8]}") for _ in range(2)]
    for project in projects:
        project.send(("event", sent))
    assert [len(project.search("errors", "id")) for project in projects] == [1, 1]


KEY_OF_NOBODY = "f" * 32
EVENT = envelope(("event", error()))


@pytest.mark.parametrize(
    ("body", "headers", "query", "status", "detail"),
    [
        (b"{}\n", {}, "", 401, "bad envelope authentication header"),
        (b'{"dsn":"http://[::1"}\n', {}, "", 401, "bad envelope authentication header"),
        (b"{}\n", {"x-sentry-auth": "Sentry sentry_version=7"}, "", 401, "bad x-sentry-auth header"),
        (b"{}\n", {"x-sentry-auth": _sentry("short")}, "", 400, "bad sentry DSN public key"),
        (
            b"{}\n",
            {"x-sentry-auth": _sentry(KEY_OF_NOBODY)},
            "",
            403,
            "event submission rejected with_reason: ProjectId",
        ),
        (
            b"{}\n",
            {"x-sentry-auth": _sentry(KEY_OF_NOBODY)},
            f"?sentry_key={KEY_OF_NOBODY}",
            401,
            "multiple authorization payloads detected",
        ),
        (b"", None, "", 400, "empty request body"),
        (b"nonsense", None, "", 400, "bad envelope"),
        (b'{"event_id":"nonsense"}\n', None, "", 400, "bad envelope"),
        (b'{}\n{"type":"integration"}\n{}', None, "", 400, "envelope contains internal items"),
        (b'{"dsn":"http://%b@host/999"}\n' % KEY_OF_NOBODY.encode(), None, "", 400, "invalid event envelope"),
    ],
)
def test_refusals_are_relays(
    project: Project, body: bytes, headers: dict[str, str] | None, query: str, status: int, detail: str
) -> None:
    answer = project.post(body, headers, query)
    assert (answer.status_code, answer.json()["detail"]) == (status, detail)
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ([("event", error()), ("event", error())], 413),
        ([("event", error()), ("transaction", transaction())], 413),
        ([("log", {}), ("log", {})], 413),
        ([("attachment", b"")] * 30, 200),
        ([("attachment", b"")] * 31, 413),
        ([("client_report", {})] * 101, 413),
        ([("event", b"x" * (1024 * 1024))], 200),
        ([("event", b"x" * (1024 * 1024 + 1))], 413),
    ],
)
def test_limits_of_items_are_relays(project: Project, items: list[tuple[str, object]], status: int) -> None:
    assert project.post(envelope(*items)).status_code == status
    reasons = {(outcome, reason) for _, outcome, reason in project.outcomes()}
    is_counted = items[0][0] != "client_report"  # a report is no item of the books, its content would be
    assert (("invalid", "too_large") in reasons) is (status == 413 and is_counted)
    assert not (status == 413 and ("accepted", "") in reasons)  # all of an envelope or nothing


@pytest.mark.parametrize("path", ["foo", "-1", "²", "9" * 5000, "%0A1"])
def test_project_that_is_no_number_is_refused(project: Project, path: str) -> None:
    url = f"{project.engine.url}/api/{path}/envelope/"
    answer = project.engine.client.post(url, content=EVENT, headers={"x-sentry-auth": _sentry(project.key)})
    assert (answer.status_code, answer.json()) == (400, {"detail": "bad project path parameter"})


def test_key_opens_its_own_project_only(engine: Engine, project: Project) -> None:
    other = engine.project("other")
    other.key = project.key
    assert other.post(EVENT).status_code == 403


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("GET", 405), ("PUT", 405)])
def test_only_posts_and_preflights_are_answered(project: Project, method: str, status: int) -> None:
    answer = project.engine.client.request(method, f"{project.engine.url}/api/{project.id}/envelope/")
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    if method == "OPTIONS":
        assert answer.headers["access-control-allow-methods"] == "POST"


@pytest.mark.parametrize(
    ("encoding", "body", "status", "reason"),
    [
        ("compress", EVENT, 415, "content_type"),
        ("gzip, gzip", EVENT, 415, "content_type"),
        ("gzip", EVENT, 400, "invalid_compression"),
        ("br", b"\xff" * 100, 400, "invalid_compression"),
        ("gzip", gzip.compress(EVENT)[:-9], 400, "invalid_compression"),
        ("zstd", ENCODERS["zstd"](bytes(201 * 1024 * 1024)), 413, "too_large"),
    ],
    ids=["compress", "stacked", "not-gzip", "not-br", "cut", "bomb"],
)
def test_bodies_that_cannot_be_decoded_are_refused(
    project: Project, encoding: str, body: bytes, status: int, reason: str
) -> None:
    headers = {"x-sentry-auth": _sentry(project.key), "content-encoding": encoding}
    assert project.post(body, headers).status_code == status
    assert project.outcomes() == {("default", "invalid", reason): 1}


def test_answer_names_the_event(project: Project) -> None:
    dashed = "4c79f60c-1121-4eb3-8604-f4ae0781bfb2"
    assert project.post(envelope(event_id=dashed)).json() == {"id": dashed.replace("-", "")}
    assert project.post(envelope()).json() == {}
    nameless = error()
    del nameless["event_id"]
    made = project.send(("event", nameless))
    assert [row["id"] for row in project.search("errors", "id")] == [made]
