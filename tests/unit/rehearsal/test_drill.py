"""Drill files: what is read, and that each mistake is told with its line."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rehearsal.disturbance import (
    Carrier,
    Deploy,
    Disturbance,
    Fault,
    Forcing,
    HookFault,
    How,
    Outage,
    Planting,
    Shape,
    Silence,
    Storm,
)
from rehearsal.drill import ExpectedPage
from rehearsal.drill_file import choose_drills, load_drills
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
    with pytest.raises(UsageError, match="a drill has one of fault, hook, outage, silence, deploy, "):
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


MINUTE = timedelta(minutes=1)
SOME = Fault("error_rate", 0.2)
READ = {
    "fault: {flag: error_rate, value: 0.2, evenly: true, creeps: 8m}": replace(SOME, is_even=True, creeps=8 * MINUTE),
    "outage: {after: 2m, lasts: 1m, how: 429}": Outage(2 * MINUTE, MINUTE, None, How.LIMITING),
    f"outage: {{after: 2m, lasts: 1m, how: killed, {FAULT}}}": Outage(2 * MINUTE, MINUTE, None, How.KILLED, SOME),
    f"deploy: {{after: 2m, {FAULT}}}": Deploy(2 * MINUTE, SOME),
    "deploy: {after: 2m, hook: {name: broken, fails: 0.1}, unanswered_at_most: 0.01}": Deploy(
        2 * MINUTE, HookFault("broken", 0.1, None), 0.01
    ),
    f"storm: {{limit: 10, per: 5m, {FAULT}, beside: {{flag: new_error_code, value: 0.1, routes: [/a]}}}}": Storm(
        SOME, Fault("new_error_code", 0.1, ("/a",)), 10, 5 * MINUTE
    ),
    "force: {request: 'POST /a?b=1', body: '{}', times: 60}": Forcing("POST", "/a?b=1", "{}", 60),
    "shape: day": Shape("day"),
}


@pytest.mark.parametrize(("text", "expected"), READ.items(), ids=READ)
def test_each_disturbance_is_read(tmp_path: Path, text: str, expected: Disturbance) -> None:
    assert load_drills(write(tmp_path, GOOD.replace(FAULT, text)))[0].disturbance == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fault: {flag: added_latency_ms, value: 9, evenly: true}", "unknown key 'evenly'"),
        ("outage: {after: 2m, lasts: 1m, how: gone}", "how: 'gone', allowed are away, killed, slow, 429, 500"),
        ("deploy: {after: 2m}", "a deploy brings a `fault`, or a `hook` of the plan"),
        (
            f"storm: {{limit: 1, per: 5m, {FAULT}, beside: {{flag: error_rate, value: 1}}}}",
            "one flag, and so one issue",
        ),
        (f"storm: {{limit: 0, per: 5m, {FAULT}, beside: {{flag: new_error_code, value: 1}}}}", "0, allowed are 1 to"),
        ("force: {request: GET /a, times: many}", "times: many, allowed are 1 to 1000"),
        ("shape: week", "shape: 'week', allowed are steady, ramp, spike, day"),
    ],
)
def test_a_mistake_in_a_disturbance_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_drills(write(tmp_path, GOOD.replace(FAULT, text)))
    assert said in str(caught.value)


def test_what_a_page_says_may_name_the_release_that_is_deployed(tmp_path: Path) -> None:
    says = GOOD.replace("of_fault: 6m", "of_fault: 6m, says: [ISL_TIMEOUT, $release]")
    assert load_drills(write(tmp_path, says))[0].pages[0].says == ("ISL_TIMEOUT", "$release")
    with pytest.raises(UsageError, match=r"says: '\$version', allowed are 200 characters, and \$release"):
        load_drills(write(tmp_path, says.replace("$release", "$version")))


def test_a_drill_on_request_runs_only_when_it_is_named(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("name: step", "name: long\non_request: true"), "b.yml")
    drills = load_drills(tmp_path)
    assert [drill.name for drill in choose_drills(drills)] == ["step"]
    assert [drill.name for drill in choose_drills(drills, ("long",))] == ["long"]
    with pytest.raises(UsageError, match="each of these drills runs only if it is named: long"):
        choose_drills(drills[1:])


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
        choose_drills(load_drills(write(tmp_path, GOOD)), ("nope",))


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
