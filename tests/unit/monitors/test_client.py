"""The client: addresses, paging, retries, and errors that say what to do."""

import socket
from datetime import UTC, datetime, timedelta

import pytest

from monitors.answers import AvailableIntegration, Issue, OpenPeriod, StatsGroup
from monitors.client import ApiError, SentryClient
from monitors.transport import MAX_ATTEMPTS
from tests.unit.monitors.fake_sentry import ORGANIZATION, TOKEN, Answer, FakeSentry

INSTANT = "2026-11-23T10:00:00Z"
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_projects_reads_all_pages(fake: FakeSentry, client: SentryClient) -> None:
    """The next page is asked of the same server, whatever host the link names."""
    for number in range(5):
        fake.add_project(f"P{number}")
    assert [project.slug for project in client.projects()] == ["p0", "p1", "p2", "p3", "p4"]
    assert [params.get("cursor") for params in fake.params] == [None, ["0:2:0"], ["0:4:0"]]


def test_events_yields_the_rows_of_all_pages(fake: FakeSentry, client: SentryClient) -> None:
    fake.rows = [{"id": str(number)} for number in range(3)]
    rows = list(client.events(7, "spans", ["id", "span.duration"], "a:b", stats_period="1h", sort="-timestamp"))
    assert rows == fake.rows
    assert fake.params[0] == {
        "project": ["7"],
        "dataset": ["spans"],
        "field": ["id", "span.duration"],
        "query": ["a:b"],
        "statsPeriod": ["1h"],
        "per_page": ["100"],
        "sort": ["-timestamp"],
    }


def test_detectors_are_those_of_the_project(fake: FakeSentry, client: SentryClient) -> None:
    first = fake.add_project("A")
    fake.add_project("B")
    assert [each.type for each in client.detectors(int(first["id"]))] == ["error", "issue_stream"]


def test_project_keys(fake: FakeSentry, client: SentryClient) -> None:
    ident = fake.add_project("A")["id"]
    (key,) = client.project_keys("a")
    assert (key.dsn, key.is_active) == (f"http://public@sentry.internal/{ident}", True)


def test_a_key_gets_a_limit_and_loses_it(fake: FakeSentry, client: SentryClient) -> None:
    fake.canned += [Answer(200, {}), Answer(200, {})]
    client.limit_key("a", "k1", (10, timedelta(minutes=5)))
    client.limit_key("a", "k1", None)
    assert [(method, body) for method, _, body in fake.calls] == [
        ("PUT", {"rateLimit": {"count": 10, "window": 300}}),
        ("PUT", {"rateLimit": None}),
    ]
    assert fake.calls[0][1].endswith(f"projects/{ORGANIZATION}/a/keys/k1/")


def test_an_issue_is_resolved(fake: FakeSentry, client: SentryClient) -> None:
    fake.canned.append(Answer(200, {}))
    client.resolve_issue(7)
    [(method, path, body)] = fake.calls
    assert (method, body) == ("PUT", {"status": "resolved"})
    assert path.endswith(f"organizations/{ORGANIZATION}/issues/7/")


def test_available_actions_are_apps_and_integrations(fake: FakeSentry, client: SentryClient) -> None:
    app = fake.add_app("ops")
    fake.integrations = {"pagerduty": [{"id": "3", "name": "acme", "services": [{"id": 5, "name": "isl"}]}]}
    available = client.available_actions()
    assert (available.find_app("ops"), available.find_app("other")) == (int(app["id"]), None)
    assert available.integrations == {"pagerduty": (AvailableIntegration("3", "acme", (("5", "isl"),)),)}


def test_teams_and_members_by_the_names_that_people_use(fake: FakeSentry, client: SentryClient) -> None:
    fake.teams = [{"id": "4", "slug": "crew"}]
    fake.members = [{"id": "8", "email": "ann@acme.test", "user": {"id": "80"}}, {"email": "invited@acme.test"}]
    assert (client.teams(), client.members()) == ({"crew": "4"}, {"ann@acme.test": "80"})


def test_stats_v2(fake: FakeSentry, client: SentryClient) -> None:
    fake.stats = [{"by": {"outcome": "accepted"}, "totals": {"sum(quantity)": 3}, "series": {}}]
    assert client.stats_v2(7, ["outcome"], category="error") == (StatsGroup({"outcome": "accepted"}, 3),)
    assert fake.params[0] == {
        "project": ["7"],
        "field": ["sum(quantity)"],
        "groupBy": ["outcome"],
        "statsPeriod": ["1d"],
        "interval": ["1h"],
        "category": ["error"],
    }


def test_sessions(fake: FakeSentry, client: SentryClient) -> None:
    fake.sessions = [{"by": {"session.status": "healthy"}, "totals": {"sum(session)": 5}, "series": {}}]
    assert client.sessions(7, ["session.status"]) == (StatsGroup({"session.status": "healthy"}, 5),)
    assert fake.params[0] == {
        "project": ["7"],
        "field": ["sum(session)"],
        "groupBy": ["session.status"],
        "statsPeriod": ["1d"],
        "interval": ["1h"],
    }


def test_issues_asks_for_all_and_not_only_the_unresolved(fake: FakeSentry, client: SentryClient) -> None:
    fake.issues = [
        {
            "id": "3",
            "shortId": "ISL-3",
            "title": "ValueError",
            "issueType": "error",
            "level": "error",
            "status": "resolved",
            "substatus": None,
            "count": "150",
            "firstSeen": INSTANT,
            "lastSeen": INSTANT,
            "permalink": "http://sentry.internal/3/",
        }
    ]
    expected = Issue(
        3, "ISL-3", "ValueError", "error", "error", "resolved", None, 150, AT, AT, "http://sentry.internal/3/"
    )
    assert list(client.issues(7)) == [expected]
    assert fake.params[0]["query"] == [""]


def test_open_periods(fake: FakeSentry, client: SentryClient) -> None:
    fake.periods = [{"id": "1", "start": INSTANT, "end": None}, {"id": "2", "start": INSTANT, "end": INSTANT}]
    assert client.open_periods(5) == (OpenPeriod(1, AT, None), OpenPeriod(2, AT, AT))
    assert fake.params[0] == {"detectorId": ["5"]}


def test_delete_takes_an_answer_without_a_body(fake: FakeSentry, client: SentryClient) -> None:
    fake.add_project("A")
    client.delete_detector(int(fake.detectors[0]["id"]))
    assert len(fake.detectors) == 1
    with pytest.raises(ApiError, match="HTTP 404"):
        client.delete_workflow(1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            Answer(401, {"detail": "Invalid token"}),
            "HTTP 401: Invalid token - the token is not accepted; check SENTRY_AUTH",
        ),
        (
            Answer(403, {"detail": "No permission"}),
            "HTTP 403: No permission - the token may not do this; give it the scopes",
        ),
        (Answer(404, {"detail": "Not here"}), "HTTP 404: Not here - not found; check SENTRY_ORG, SENTRY_PROJECT"),
        (Answer(400, {"name": ["too long"]}), "HTTP 400: {'name': ['too long']}"),
        (Answer(410), "HTTP 410: Gone"),
        (Answer(302, headers={"Location": "https://x/"}), "redirected to https://x/; check SENTRY_URL"),
        (Answer(200, b"<html>"), "the answer is no JSON; is this the address of a Sentry?"),
        (Answer(200, {"detail": "?"}), "the answer has another shape: no list of items"),
        (Answer(200, [{"id": "1"}]), "the answer has another shape: KeyError 'slug'"),
    ],
)
def test_error_says_what_to_do(fake: FakeSentry, client: SentryClient, answer: Answer, expected: str) -> None:
    fake.canned.append(answer)
    with pytest.raises(ApiError) as caught:
        client.projects()
    assert expected in str(caught.value)
    assert str(caught.value).startswith("GET ")
    assert TOKEN not in str(caught.value)


def test_wrong_token_names_the_variable(fake: FakeSentry) -> None:
    with (
        SentryClient(fake.url, "wrong", ORGANIZATION) as client,
        pytest.raises(ApiError, match="check SENTRY_AUTH_TOKEN") as caught,
    ):
        client.projects()
    assert (caught.value.status, caught.value.method) == (401, "GET")
    assert caught.value.url.endswith("/api/0/organizations/acme/projects/")


def test_nobody_listening_says_where_it_looked(pauses: list[float]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with (
            SentryClient(url, TOKEN, ORGANIZATION, sleep=pauses.append) as client,
            pytest.raises(ApiError, match=f"is Sentry running at {url}") as caught,
        ):
            client.projects()
    assert caught.value.status is None
    assert pauses == [0.25, 0.5, 1.0]


def test_server_error_is_tried_again_with_growing_pauses(
    fake: FakeSentry, client: SentryClient, pauses: list[float]
) -> None:
    fake.canned += [Answer(503), Answer(502)]
    assert client.projects() == ()
    assert pauses == [0.25, 0.5]


def test_server_error_is_tried_a_bounded_number_of_times(fake: FakeSentry, client: SentryClient) -> None:
    fake.canned += [Answer(503)] * (MAX_ATTEMPTS + 1)
    with pytest.raises(ApiError, match="HTTP 503: Service Unavailable"):
        client.projects()
    assert len(fake.calls) == MAX_ATTEMPTS


def test_create_is_not_sent_twice_after_a_server_error(fake: FakeSentry, client: SentryClient) -> None:
    fake.canned.append(Answer(502))
    with pytest.raises(ApiError, match="HTTP 502"):
        client.create_project("crew", "ISL")
    assert len(fake.calls) == 1


def test_rate_limit_waits_as_long_as_asked_even_for_a_create(
    fake: FakeSentry, client: SentryClient, pauses: list[float]
) -> None:
    fake.canned += [Answer(429, headers={"Retry-After": "7"}), Answer(429)]
    assert client.create_project("crew", "ISL").slug == "isl"
    assert pauses == [7.0, 0.5]


def test_rate_limit_that_asks_for_too_long_is_told(fake: FakeSentry, client: SentryClient, pauses: list[float]) -> None:
    fake.canned.append(Answer(429, {"detail": "slow down"}, headers={"Retry-After": "3600"}))
    with pytest.raises(ApiError, match="HTTP 429: slow down"):
        client.projects()
    assert pauses == []


@pytest.mark.parametrize("asked", ["Wed, 21 Oct 2026 07:28:00 GMT", "\u00b2", "-1", "1.5", "", "9" * 400])
def test_rate_limit_that_says_no_seconds_waits_as_if_it_said_nothing(
    fake: FakeSentry, client: SentryClient, pauses: list[float], asked: str
) -> None:
    fake.canned.append(Answer(429, headers={"Retry-After": asked}))
    assert client.projects() == ()
    assert pauses == [0.25]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Welcome</html>"),
        Answer(200, b'[{"id": "1", "na'),
        Answer(200, b"null"),
        Answer(200, b"[1, 2, 3]"),
        Answer(200, {"hello": "world"}),
        Answer(200, [{"id": "x", "name": None}]),
        Answer(200, b"\xff\xfe\x00\x9f"),
        Answer(200, b"[" * 200_000),  # more than a parser may go down
        Answer(200, b"no gzip", {"Content-Encoding": "gzip"}),
        Answer(200),
        Answer(400, b"[" * 200_000),
        Answer(302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
)
def test_garbage_is_an_error_of_the_call(fake: FakeSentry, client: SentryClient, answer: Answer) -> None:
    fake.canned += [answer] * MAX_ATTEMPTS
    with pytest.raises(ApiError):
        client.projects()


def test_pages_that_go_round_in_a_circle_are_left(fake: FakeSentry, client: SentryClient) -> None:
    link = {"Link": '<http://x/>; rel="next"; results="true"; cursor="0:9:0"'}
    fake.canned += [Answer(200, [], link), Answer(200, [], link)]
    with pytest.raises(ApiError, match="comes twice"):
        client.projects()
