"""The pages of a real engine: who may look and change, what a browser is told, and what stands on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.story import ENDPOINTS, SPEED, Story, tell
from tests.path.engine import (
    ORGANIZATION,
    Engine,
    Project,
    Start,
    envelope,
    error,
    receiving,
    starting,
    transaction,
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for many tests, each with a project of its own."""
    with contextmanager(starting)(tmp_path_factory.mktemp("shared")) as start:
        engine = start()
        engine.project("first")
        yield engine


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """An engine to which the whole story was told."""
    run, receive = contextmanager(starting), contextmanager(receiving)
    with run(tmp_path_factory.mktemp("told")) as start, receive() as receiver:
        yield tell(start(speed=SPEED), receiver)


def page(engine: Engine, path: str, **headers: str) -> httpx.Response:
    return engine.client.get(f"{engine.url}{path}", headers=headers)


def form_token(text: str) -> str:
    return text.partition('name="form_token" value="')[2].partition('"')[0]


def test_overview_says_what_to_do_next_while_there_is_nothing(start: Start) -> None:
    engine = start()
    assert "Make a project" in page(engine, "/").text
    project = engine.project()
    empty = page(engine, "/").text
    assert f"SENTRY_DSN={project.dsn}" in empty
    assert "make loadtest" in empty


def test_overview_shows_load_monitors_and_notifications(told: Story) -> None:
    text = page(told.project.engine, "/?period=24h").text
    assert "POST /api/v1/causal/validate" in text
    assert "841 stored requests" in text
    assert "page on failure rate" in text
    assert "Failure rate" in text
    assert "ComputationError" in text


def test_a_page_lets_nothing_run_that_is_not_its_own(shared: Engine) -> None:
    engine = shared
    for path in ("/", "/static/style.css", "/no-such-page"):
        headers = page(engine, path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    text = page(engine, "/").text
    assert " style=" not in text
    assert "<style" not in text


def test_unknown_pages_projects_and_periods_are_told_as_pages(shared: Engine) -> None:
    engine = shared
    for path, status in (("/no-such-page", 404), ("/?project=other", 404), ("/?period=3y", 400)):
        answer = page(engine, path)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("way", ["/no-such-page", "/issues/1/no-such-part/", "/static/no-such-file"])
def test_an_address_without_a_page_says_where_there_are_some(shared: Engine, way: str) -> None:
    answer = page(shared, way)
    assert answer.status_code == 404
    assert "There is no page at this address" in answer.text


def test_what_is_missing_at_a_pages_address_is_said_in_the_pages_words(shared: Engine) -> None:
    answer = page(shared, "/issues/999999/")
    assert answer.status_code == 404
    assert "There is no such issue." in answer.text
    assert "There is no page" not in answer.text


def test_an_address_that_takes_another_method_says_so(shared: Engine) -> None:
    answer = page(shared, "/logout")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "does not take that method" in answer.text


def test_the_web_api_keeps_its_own_404(shared: Engine) -> None:
    assert page(shared, "/api/0/nothing/").json() == {"detail": "Not Found"}


def test_on_loopback_another_host_name_is_refused(shared: Engine) -> None:
    """Else a site could point its own name at this address and read the pages."""
    engine = shared
    assert page(engine, "/", host="evil.example").status_code == 421
    assert page(engine, "/", host="localhost:9000").status_code == 200
    assert page(engine, "/", host="[::1]:9000").status_code == 200


def test_elsewhere_the_token_is_asked_for(start: Start) -> None:
    engine = start(host="0.0.0.0")  # noqa: S104 - this is what is tested
    asked = page(engine, "/")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/login?next=/"
    form = page(engine, "/login?next=/?period=1h")
    cookie = form.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie

    def log_in(token: str, form_field: str, goal: str = "/") -> httpx.Response:
        fields = {"token": token, "form_token": form_field, "next": goal}
        return engine.client.post(f"{engine.url}/login", data=fields)

    for goal in ("//evil.example", "/\\evil.example", "evil", "/\r\nx: y"):
        text = engine.client.get(f"{engine.url}/login", params={"next": goal}).text
        assert 'name="next" value="/"' in text
    token, field = (engine.data_dir / "token").read_text(), form_token(form.text)
    assert log_in(token, "guessed").status_code == 403
    assert "That is not the token" in log_in("sntryu_wrong", field).text
    assert log_in(token, field, "https://evil.example/").headers["location"] == "/"
    assert "Make a project" in page(engine, "/").text
    out = engine.client.post(f"{engine.url}/logout", data={"form_token": form_token(page(engine, "/").text)})
    assert out.status_code == 303
    assert page(engine, "/").status_code == 303


def test_sampled_requests_are_shown_with_what_they_stand_for(shared: Engine) -> None:
    project = shared.project("sampled")
    for _ in range(4):
        item = transaction(transaction="GET /sampled")
        trace = {"trace_id": item["contexts"]["trace"]["trace_id"], "sample_rate": "0.1"}
        assert project.post(envelope(("transaction", item), trace=trace)).status_code == 200
    text = page(shared, "/?project=sampled").text
    assert "4 stored requests" in text
    # 4 requests of rate 0.1 stand for 40; half the interval is 1.96 x sqrt(4 x 10 x 9) = 37
    assert "40 in all, ± 37 from sampling" in text


def test_what_a_client_sends_is_escaped(shared: Engine) -> None:
    project = shared.project("attacked")
    attack = '"><script>alert(1)</script>'
    project.send(("transaction", transaction(transaction=f"GET {attack}")))
    project.send(("event", error(attack)))
    text = page(shared, "/?project=attacked").text
    assert "alert(1)" in text
    assert "<script>alert" not in text


def test_issue_shows_all_that_its_event_has(told: Story) -> None:
    engine = told.project.engine
    [issue] = [each for each in issues(told.project) if each["title"].startswith("ComputationError")]
    text = page(engine, f"/issues/{issue['id']}/?event={told.event_id}").text
    outer, _, cause = text.partition("caused by")
    assert "ComputationError" in outer
    assert "no adjustment set blocks every path" in cause
    assert cause.index("service/identify.py:118") < cause.index("networkx/algorithms/dag.py:71")  # newest call first
    assert '<details class="frame in-app" open>' in cause
    assert "chosen = smallest(adjustment_sets(paths))" in cause
    for shown in ("dag", "error_schema", "graph is acyclic", "curl/8", "isl@1.4.1+3f2a9c1", told.trace_id, "53.8 %"):
        assert shown in text
    assert "newest 13 events" in text
    metric = next(each for each in issues(told.project) if each["title"] == "Failure rate")
    breach = page(engine, f"/issues/{metric['id']}/").text
    assert "Open periods" in breach
    assert "page on failure rate" in breach


def issues(project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = project.engine.ask("GET", f"{ORGANIZATION}/issues/", query="", project=project.slug)
    return found


@pytest.fixture(scope="module")
def searched(shared: Engine) -> Project:
    project = shared.project("searched")
    project.send(("event", error("Alpha", environment="production")))
    for _ in range(2):
        project.send(("event", error("Beta", level="warning", tags={"colour": "blue"})))
    return project


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("is:unresolved", {"Alpha: it broke", "Beta: it broke"}),
        ("is:resolved", set()),
        ("level:warning", {"Beta: it broke"}),
        ("title:*alpha*", {"Alpha: it broke"}),
        ("tags[colour]:blue", {"Beta: it broke"}),
        ("!tags[colour]:blue", {"Alpha: it broke"}),
        ("environment:[production, staging]", {"Alpha: it broke"}),
        ("tags[colour]:blue level:error", set()),
        ("timesSeen:>1", {"Beta: it broke"}),
    ],
)
def test_issues_are_searched_by_their_own_terms_and_by_those_of_events(
    searched: Project, query: str, titles: set[str]
) -> None:
    engine = searched.engine
    text = engine.client.get(f"{engine.url}/issues/", params={"query": query, "project": searched.slug}).text
    assert {title for title in ("Alpha: it broke", "Beta: it broke") if title in text} == titles


def test_a_query_that_cannot_be_read_is_told_with_its_column(shared: Engine) -> None:
    answer = shared.client.get(f"{shared.url}/issues/", params={"query": "is:resolved (a:b)"})
    assert answer.status_code == 400
    assert "column 13" in answer.text


def test_issues_come_in_pages(shared: Engine) -> None:
    project = shared.project("many")
    for number in range(27):
        project.send(("event", error(f"Kind{number:02}")))
    first = page(shared, "/issues/?project=many&sort=first").text
    assert "1 to 25 of 27 issues" in first
    assert "26 to 27 of 27 issues" in page(shared, "/issues/?project=many&sort=first&offset=25").text


def test_an_issue_is_resolved_and_comes_back(shared: Engine) -> None:
    engine, project = shared, shared.project("resolved")
    project.send(("event", error("Alpha")))
    [issue] = issues(project)
    way = f"/issues/{issue['id']}/"
    fields = {"form_token": form_token(page(engine, way).text), "status": "resolved"}
    assert engine.client.post(f"{engine.url}{way}status", data=fields).headers["location"] == way
    assert issues(project)[0]["status"] == "resolved"
    project.send(("event", error("Alpha")))
    assert "regressed" in page(engine, "/issues/?project=resolved").text


def test_a_change_needs_the_sessions_own_form(shared: Engine) -> None:
    engine, project = shared, shared.project("formal")
    project.send(("event", error("Alpha")))
    way = f"/issues/{issues(project)[0]['id']}/"
    url = f"{engine.url}{way}status"
    for fields in ({"status": "resolved"}, {"status": "resolved", "form_token": "guessed"}):
        assert engine.client.post(url, data=fields).status_code == 403
    token = form_token(page(engine, way).text)
    stranger = httpx.post(url, data={"status": "resolved", "form_token": token}, trust_env=False)
    assert stranger.status_code == 403  # the token alone, without its cookie
    assert engine.client.post(url, data={"status": "x" * 5000, "form_token": token}).status_code == 413
    assert engine.client.post(url, data={"status": "deleted", "form_token": token}).status_code == 400
    assert issues(project)[0]["status"] == "unresolved"


@pytest.mark.parametrize("way", ["/issues/999999/", "/issues/99999999999999999999/", "/issues/{issue}/?event=0123"])
def test_what_is_not_there_is_a_404(searched: Project, way: str) -> None:
    found = way.format(issue=issues(searched)[0]["id"])
    assert page(searched.engine, found).status_code == 404


WEIRD: list[dict[str, Any]] = [
    {
        "exception": {
            "values": [None, 3, {"type": 7, "stacktrace": {"frames": [None, {"lineno": "x", "pre_context": 5}]}}]
        }
    },
    {"exception": [{"type": "Bare", "stacktrace": {"frames": [{"context_line": "x", "pre_context": [1, None]}]}}]},
    {"breadcrumbs": [{"timestamp": "never", "data": [1]}], "request": {"headers": [["a", "b"], ["c"]]}},
    {"contexts": {"trace": 3, "dag": [1], "x": {"y": {"z": None}}}, "user": "me", "logentry": "plain"},
    {"message": {"formatted": 4}, "tags": [["a", None], 3, ["b", {"c": 1}]]},
]


def test_an_event_of_any_shape_has_a_page(shared: Engine) -> None:
    project = shared.project("weird")
    for event in WEIRD:
        project.send(("event", error() | event))
    shown = 0
    for issue in issues(project):
        for each in shared.ask("GET", f"{ORGANIZATION}/issues/{issue['id']}/events/"):
            shown += 1
            assert page(shared, f"/issues/{issue['id']}/?event={each['id']}").status_code == 200
    assert shown == len(WEIRD)


def test_performance_counts_every_endpoint(told: Story) -> None:
    engine = told.project.engine
    text = page(engine, "/performance/?period=24h").text
    assert "841 stored requests" in text
    for name, _, _, _ in ENDPOINTS:
        assert name in text
    assert '360 <span class="quiet">± 64</span>' in text  # 90 are stored, and each stands for four
    assert "Requests are estimated" in text
    one = engine.client.get(
        f"{engine.url}/performance/endpoint/", params={"name": ENDPOINTS[3][0], "period": "24h"}
    ).text
    assert "90 stored requests" in one
    assert "360 in all, ± 64 from sampling" in one
    assert one.count('href="/traces/') == 10


def test_requests_that_are_all_stored_are_no_estimate(shared: Engine) -> None:
    project = shared.project("whole")
    project.send(("transaction", transaction()))
    text = page(shared, "/performance/?project=whole").text
    assert "on 1 stored request." in text
    assert "±" not in text


def test_trace_shows_spans_below_their_parents_and_its_errors(told: Story) -> None:
    text = page(told.project.engine, f"/traces/{told.trace_id}/").text
    assert "412 ms long, 1 request and 1 error" in text
    for depth, what in ((1, "back-door adjustment"), (2, "enumerate_paths"), (1, "20,000 draws")):
        row = text.partition(what)[0].rpartition('<div class="span ')[2]
        assert row.startswith(f"depth-{depth}"), what
    assert "ComputationError" in text


def test_a_trace_of_any_shape_has_a_page(shared: Engine) -> None:
    project = shared.project("loops")
    now = datetime.now(UTC)  # noqa: TID251 - the engine is a process with the machine's clock
    times = {"start_timestamp": now.timestamp(), "timestamp": now.timestamp() + 1}
    pairs = (("a", "b"), ("b", "a"), ("c", "c"), ("d", "e"))  # a loop, its own parent, a parent that is not there
    loop = [{"span_id": own * 16, "parent_span_id": above * 16} | times for own, above in pairs]
    item = transaction(spans=loop)
    project.send(("transaction", item))
    trace_id = item["contexts"]["trace"]["trace_id"]
    assert page(shared, f"/traces/{trace_id}/?project=loops").text.count('<div class="span ') == 5
    assert page(shared, f"/traces/{trace_id}/?project=first").status_code == 404


def test_monitor_shows_its_evaluations_and_tries_thresholds(told: Story) -> None:
    engine = told.project.engine
    listed = page(engine, "/monitors/").text
    assert "Failure rate" in listed
    assert "Slow answers" in listed
    ident = listed.partition(">Failure rate</a>")[0].rpartition("/monitors/")[2].partition("/")[0]
    text = page(engine, f"/monitors/{ident}/?period=24h").text
    assert "failure_rate()" in text
    assert "high &gt; 1 %" in text
    assert "page on failure rate" in text
    assert 'class="badge bad">open' in text
    unheard_of = page(engine, f"/monitors/{ident}/?period=24h&high=0.9&resolve=0.8").text
    assert "Never in this period" in unheard_of
    assert page(engine, f"/monitors/{ident}/?high=nan").status_code == 400
    assert page(engine, "/monitors/999999/").status_code == 404


def test_alerts_say_who_was_told(told: Story) -> None:
    text = page(told.project.engine, "/alerts/").text
    assert "page on slow answers" in text
    assert "breach, breach again, resolved" in text
    assert "integration " in text
    assert 'class="badge good">sent' in text


def test_pages_of_an_engine_without_projects_lead_to_the_start(start: Start) -> None:
    engine = start()
    for path in ("/issues/", "/performance/", "/performance/endpoint/?name=x", "/monitors/", "/alerts/"):
        assert page(engine, path).headers["location"] == "/"
    for path in ("/monitors/1/", "/traces/0123/"):
        assert page(engine, path).status_code == 404


def test_stats_say_what_became_of_everything(told: Story) -> None:
    text = page(told.project.engine, "/stats/?period=24h").text
    books = told.project.outcomes()
    accepted = books[("transaction", "accepted", "")]
    assert f"{accepted + 2480:,} items" in text
    assert "sample_rate" in text
    assert f"accepted <b>{accepted:,}</b>" in text
    assert "dropped by the SDK <b>2,480</b>" in text


def test_releases_say_what_began_with_each_and_which_way_it_went(shared: Engine) -> None:
    project = shared.project("released")
    assert "No request or error names a release" in page(shared, "/releases/?project=released").text
    for _ in range(100):
        project.send(("transaction", transaction(release="isl@1.0", duration_ms=20)))
    project.send(("event", error("OldError", release="isl@1.0")))
    for number in range(100):
        project.send(("transaction", transaction(release="isl@2.0", failed=number % 2 == 0, duration_ms=200)))
    for kind in ("FreshError", "OldError"):
        project.send(("event", error(kind, release="isl@2.0")))
    deploy = {"environment": "production"}
    shared.ask("POST", f"{ORGANIZATION}/releases/isl@2.0/deploys/", deploy)
    text = page(shared, "/releases/?project=released").text
    newer, _, older = text.partition("isl@2.0")[2].partition("isl@1.0")
    assert "50 %" in newer
    assert newer.count('class="badge bad">worse') == 2  # failures, and p95
    assert "production" in newer
    assert '20 ms<br><span class="quiet">20 ms to 20 ms</span>' in newer
    assert '200 ms<br><span class="quiet">200 ms to 200 ms</span>' in newer
    assert 'is-bad">1</td>' in newer
    assert 'is-bad">1</td>' in older
    assert older.count("no data") == 2
    assert "100 before<br>100 after" in newer


def test_a_p95_of_few_requests_has_no_upper_end_and_no_clear_change(shared: Engine) -> None:
    project = shared.project("seldom")
    for release, duration_ms in (("isl@1.0", 20), ("isl@2.0", 200)):
        for _ in range(30):
            project.send(("transaction", transaction(release=release, duration_ms=duration_ms)))
    newer, _, older = page(shared, "/releases/?project=seldom").text.partition("isl@2.0")[2].partition("isl@1.0")
    assert "200 ms or more" in newer
    assert newer.count("unclear") == 2
    assert "unclear" not in older
