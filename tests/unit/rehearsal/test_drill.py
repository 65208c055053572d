"""Drill files: what is read, and that each mistake is told with its line."""

from datetime import timedelta
from pathlib import Path

import pytest

from rehearsal.disturbance import Carrier, Fault, Outage, Planting, Silence
from rehearsal.drill import ExpectedPage
from rehearsal.drill_file import load_drills
from rehearsal.errors import UsageError
from rehearsal.settings import Options
from tests.unit.rehearsal.samples import RULES

FAULT = "fault: {flag: error_rate, value: 0.2}"
GOOD = """\
name: step
hypothesis: It
  pages.
lasts: 10m
fault: {flag: error_rate, value: 0.2}
expect:
  pages:
    - {alert: A, channel: c, within: 3m, resolved_within: 90s, of_fault: 6m}
"""


def write(folder: Path, text: str, name: str = "a.yml") -> Path:
    (folder / name).write_text(text)
    return folder


def test_a_drill_is_read_with_its_units(tmp_path: Path) -> None:
    drill = load_drills(write(tmp_path, GOOD))[0]
    assert (drill.name, drill.hypothesis, drill.lasts) == ("step", "It pages.", timedelta(minutes=10))
    assert drill.disturbance == Fault("error_rate", 0.2)
    assert drill.pages == (ExpectedPage("A", "c", timedelta(minutes=3), timedelta(seconds=90), timedelta(minutes=6)),)


def test_a_fault_of_some_routes_says_how_much_traffic_that_is(tmp_path: Path) -> None:
    some = GOOD.replace("value: 0.2", "value: 0.2, routes: [/a, /b/*], hits: 0.3")
    assert load_drills(write(tmp_path, some))[0].disturbance == Fault("error_rate", 0.2, ("/a", "/b/*"), 0.3)
    with pytest.raises(UsageError, match="key 'hits' is missing"):
        load_drills(write(tmp_path, some.replace(", hits: 0.3", "")))


def test_a_fault_of_a_dependency_aims_at_those_and_not_at_routes(tmp_path: Path) -> None:
    down = GOOD.replace("error_rate", "dependency_down").replace(
        "value: 0.2", "value: 1, hits: 0.1, dependencies: [plot]"
    )
    assert load_drills(write(tmp_path, down))[0].disturbance == Fault("dependency_down", 1.0, ("plot",), 0.1)
    with pytest.raises(UsageError, match="routes"):
        load_drills(write(tmp_path, down.replace("dependencies:", "routes:")))


def test_an_outage_is_read_with_its_units(tmp_path: Path) -> None:
    away = GOOD.replace(FAULT, "outage: {after: 2m, lasts: 90s, slower_at_most: 1.5}")
    assert load_drills(write(tmp_path, away))[0].disturbance == Outage(timedelta(minutes=2), timedelta(seconds=90), 1.5)
    with pytest.raises(UsageError, match="a drill has one of fault, hook, outage, silence, plant"):
        load_drills(write(tmp_path, away.replace("outage:", f"{FAULT}\noutage:")))


def test_what_is_planted_is_read_with_the_kinds_of_secrets(tmp_path: Path) -> None:
    text = """\
plant:
  - request: POST /a?user=$email
    headers: ["X-User: $word"]
    body: '{"a": "$text"}'
    fault: {flag: error_rate, value: 1}
  - request: GET /b"""
    drill = load_drills(write(tmp_path, GOOD.replace(FAULT, text)))[0]
    fault = Fault("error_rate", 1.0)
    assert drill.disturbance == Planting(
        (
            Carrier("POST", "/a?user=$email", ("X-User: $word",), '{"a": "$text"}', fault),
            Carrier("GET", "/b", (), "", None),
        )
    )


@pytest.mark.parametrize(
    ("carrier", "said"),
    [
        ("request: LOOK /a", "'LOOK /a', write for example GET /items?user=$email"),
        ("request: GET a", "write for example GET /items"),
        ("request: GET /$secret", "$secret, allowed are $word, $email, "),
        ("request: GET /a$", "a $ without a name"),
        ("{request: GET /a, headers: [X-User]}", "'X-User', write for example 'X-User: $email'"),
        ("{request: GET /a, bodi: x}", "unknown key 'bodi', did you mean 'body'?"),
    ],
)
def test_a_mistake_in_what_is_planted_is_told(tmp_path: Path, carrier: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_drills(write(tmp_path, GOOD.replace(FAULT, f"plant:\n  - {carrier}")))
    assert said in str(caught.value)


def test_a_silence_is_read_with_its_units(tmp_path: Path) -> None:
    quiet = GOOD.replace(FAULT, "silence: {after: 2m, lasts: 90s}")
    assert load_drills(write(tmp_path, quiet))[0].disturbance == Silence(timedelta(minutes=2), timedelta(seconds=90))
    with pytest.raises(UsageError, match="key 'lasts' is missing"):
        load_drills(write(tmp_path, GOOD.replace(FAULT, "silence: {after: 2m}")))


def test_an_empty_list_asserts_silence(tmp_path: Path) -> None:
    quiet = "name: quiet\nhypothesis: Nobody.\nlasts: 12m\nexpect: {pages: []}\n"
    assert load_drills(write(tmp_path, quiet))[0].pages == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("lasts: 10m", "lasts: 10 min", 4, "'10 min', write for example 90s, 3m or 1h"),
        ("lasts: 10m", "last: 10m", 4, "unknown key 'last', did you mean 'lasts'?"),
        ("value: 0.2", "value: much", 5, "value"),
        ("value: 0.2", "value: 20", 5, "20, allowed is more than 0 and at most 1"),
        ("value: 0.2", "value: 0", 5, "allowed is more than 0"),
        ("error_rate", "eror_rate", 5, "'eror_rate', the service's faults are error_rate, "),
        ("name: step", "title: step", 1, "key 'name' is missing"),
        ("within: 3m", "within: soon", 8, "within: 'soon'"),
        ("  pages:\n    - {", "  pages: {", 7, "allowed is a list"),
        ("expect:", "expect: [", 8, "no YAML"),
    ],
)
def test_each_mistake_is_told_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_drills(write(tmp_path, GOOD.replace(old, new)))
    assert f"a.yml:{line}: " in str(caught.value)
    assert said in str(caught.value)


def test_two_drills_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(UsageError, match=r"b\.yml:1: a drill named 'step' is there already"):
        load_drills(write(tmp_path, GOOD, "b.yml"))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(UsageError, match=r"a\.yml:1: cannot be read: 'utf-8' codec"):
        load_drills(tmp_path)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no drill named nope; there are step"):
        load_drills(write(tmp_path, GOOD), only=("nope",))


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no drills here"):
        load_drills(tmp_path)


def test_the_drills_that_ship_name_alerts_and_channels_of_the_rules() -> None:
    alerts = {alert.name for alert in RULES.alerts}
    assert {name for drill in load_drills(Options().drills) for name in drill.may_page} <= alerts
    channels = {alert.name: {action.target for action in alert.actions} for alert in RULES.alerts}
    pages = [page for drill in load_drills(Options().drills) for page in drill.pages]
    assert pages
    assert all(page.channel in channels[page.alert] for page in pages)
