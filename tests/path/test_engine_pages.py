"""The pages of a real engine: who may look and change, what a browser is told, and what stands on them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.story import SPEED, tell
from tests.path.engine import Engine, Receiver, Start, envelope, error, receiving, starting, transaction


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from receiving()


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


def test_overview_shows_load_monitors_and_notifications(start: Start, receiver: Receiver) -> None:
    engine = start(speed=SPEED)
    story = tell(engine, receiver)
    text = page(engine, "/").text
    assert "POST /api/v1/causal/validate" in text
    assert "841 stored requests" in text
    assert "page on failure rate" in text
    assert "Failure rate" in text
    assert "ComputationError" in text
    assert story.project.slug in text


def test_a_page_lets_nothing_run_that_is_not_its_own(start: Start) -> None:
    engine = start()
    for path in ("/", "/static/style.css", "/no-such-page"):
        headers = page(engine, path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    text = page(engine, "/").text
    assert " style=" not in text
    assert "<style" not in text


def test_unknown_pages_projects_and_periods_are_told_as_pages(start: Start) -> None:
    engine = start()
    engine.project()
    for path, status in (("/no-such-page", 404), ("/?project=other", 404), ("/?period=3y", 400)):
        answer = page(engine, path)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")


def test_the_web_api_keeps_its_own_404(start: Start) -> None:
    assert page(start(), "/api/0/nothing/").json() == {"detail": "Not Found"}


def test_on_loopback_another_host_name_is_refused(start: Start) -> None:
    """Else a site could point its own name at this address and read the pages."""
    engine = start()
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

    token, field = (engine.data_dir / "token").read_text(), form_token(form.text)
    assert log_in(token, "guessed").status_code == 403
    assert "That is not the token" in log_in("sntryu_wrong", field).text
    assert log_in(token, field, "https://evil.example/").headers["location"] == "/"
    assert "Make a project" in page(engine, "/").text
    out = engine.client.post(f"{engine.url}/logout", data={"form_token": form_token(page(engine, "/").text)})
    assert out.status_code == 303
    assert page(engine, "/").status_code == 303


@pytest.mark.parametrize("goal", ["//evil.example", "/\\evil.example", "evil", "/\r\nx: y"])
def test_login_leads_to_no_other_site(start: Start, goal: str) -> None:
    engine = start(host="0.0.0.0")  # noqa: S104 - as above
    form = engine.client.get(f"{engine.url}/login", params={"next": goal}).text
    assert 'name="next" value="/"' in form


def test_sampled_requests_are_shown_with_what_they_stand_for(start: Start) -> None:
    engine = start()
    project = engine.project()
    for _ in range(4):
        item = transaction(transaction="GET /sampled")
        trace = {"trace_id": item["contexts"]["trace"]["trace_id"], "sample_rate": "0.1"}
        assert project.post(envelope(("transaction", item), trace=trace)).status_code == 200
    text = page(engine, "/").text
    assert "4 stored requests" in text
    # 4 requests of rate 0.1 stand for 40; half the interval is 1.96 x sqrt(4 x 10 x 9) = 37.2
    assert "40 in all, ± 37.2 from sampling" in text


def test_what_a_client_sends_is_escaped(start: Start) -> None:
    engine = start()
    project = engine.project()
    attack = '"><script>alert(1)</script>'
    project.send(("transaction", transaction(transaction=f"GET {attack}")))
    project.send(("event", error(attack)))
    text = page(engine, "/").text
    assert "alert(1)" in text
    assert "<script>alert" not in text
