"""Plans: what is read, that each mistake is told with its line, the templates, and the schemas beside the loaders."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from rehearsal.cli import cli
from rehearsal.disturbance import Deploy, Fault, HookFault
from rehearsal.drill_file import choose_drills, load_drills
from rehearsal.errors import UsageError
from rehearsal.init_cli import FILES, TEMPLATE
from rehearsal.plan import Action, Hook, Part, PlannedRequest
from rehearsal.plan_file import check_drills, load_plan, with_plan
from rehearsal.schemas import drill_schema, plan_schema
from rehearsal.settings import ROOT, Options

NODE = ROOT / "tests" / "rehearsal" / "node"
GOOD = """\
name: shop
service:
  command: node server.js --port $port "two words"
  port: 8010
  ready: /health
  environment: {SENTRY_DSN: $dsn, STOCK: $url_stock, LEVEL: 3}
beside:
  - name: stock
    url: http://127.0.0.1:9999/
    ready: /
    start: {command: docker compose up -d}
load:
  requests:
    - {name: list, weight: 3, request: GET /items}
    - {name: order, request: POST /orders, body: '{"a": 1}', headers: {X-A: b}, status: 201}
hooks:
  - {name: broken, begin: {request: POST $url_service/faults, body: "{}"}, end: {command: rm -f x}}
rules: monitors
drills: drills
"""


def write(folder: Path, text: str = GOOD) -> Path:
    for name in ("monitors", "drills"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "plan.yml").write_text(text)
    return folder / "plan.yml"


def test_a_plan_is_read(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path))
    environment = {"SENTRY_DSN": "$dsn", "STOCK": "$url_stock", "LEVEL": "3"}
    command = ("node", "server.js", "--port", "$port", "two words")
    assert plan.service == Part("service", command, 8010, "", "/health", environment)
    start = Action(command=("docker", "compose", "up", "-d"))
    assert plan.beside == (Part("stock", (), 0, "http://127.0.0.1:9999", "/", start=start),)
    assert plan.parts == (*plan.beside, plan.service)
    assert plan.load == (
        PlannedRequest("list", 3, "GET", "/items", "", {}, 200),
        PlannedRequest("order", 1, "POST", "/orders", '{"a": 1}', {"X-A": "b"}, 201),
    )
    begin = Action("POST", "$url_service/faults", "{}")
    assert plan.hooks == (Hook("broken", begin, Action(command=("rm", "-f", "x"))),)
    assert (plan.probes, plan.has_books, plan.takes_flags, plan.takes_key) == ("ignored", True, False, False)
    assert (plan.folder, plan.rules, plan.drills) == (tmp_path, tmp_path / "monitors", tmp_path / "drills")


def test_the_reference_stack_is_a_plan_like_any_other() -> None:
    plan = load_plan(Options().plan)
    assert (plan.folder, plan.rules, plan.drills) == (ROOT, Options().rules, Options().drills)
    assert plan.load == ROOT / "loadtest" / "locustfile.py"
    assert (plan.probes, plan.has_books, plan.takes_flags, plan.takes_key) == ("sampled_out", True, True, True)
    check_drills(load_drills(plan.drills), plan)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("name: shop", "name: My Shop", 1, "'My Shop', allowed are lower-case letters"),
        ("name: stock", "name: engine", 8, "'engine' is a part of the rehearsal's own"),
        ("  port: 8010", "  prt: 8010", 4, "unknown key 'prt', did you mean 'port'?"),
        ("  port: 8010", "  port: 99999", 4, "99999, allowed are 0 (any) to 65535"),
        ("$port", "$prt", 3, "$prt, allowed are $dsn, $environment"),
        ("  port: 8010", "  url: http://x.test", 3, "write either `command`, which is then started, or the `url`"),
        ("url: http://127", "url: ftp://127", 9, "allowed are http and https addresses"),
        ("ready: /health", "ready: health", 5, "write a path such as /health"),
        ("weight: 3", "weight: 0", 14, "0, allowed are 1 to 1000"),
        ("GET /items", "GET items", 14, "'GET items', write for example GET /items"),
        ("""'{"a": 1}'""", "'{'", 15, "no JSON"),
        ("status: 201", "status: 503", 15, "503, allowed are 200 to 499"),
        ("end: {command: rm -f x}", "end: {}", 17, "write either `request` or `command`"),
        ("POST $url_service", "POST $url_other", 17, "$url_other, allowed are"),
        ("POST $url_service", "PST $url_service", 17, "write for example POST $url_service/faults"),
        ("rules: monitors", "rules: nowhere", 18, "'nowhere': there is no such folder beside the plan"),
        ("name: shop", "name: [", 3, "no YAML"),
    ],
)
def test_each_mistake_is_told_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        load_plan(write(tmp_path, GOOD.replace(old, new, 1)))
    assert any(f"plan.yml:{line}: " in each and said in each for each in str(caught.value).splitlines())


def test_what_a_drill_does_must_be_in_the_plan(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path))
    [drill] = choose_drills(load_drills(TEMPLATE / "drills"), ("orders-fail",))
    assert drill.disturbance == HookFault("orders-fail", 0.2, None)
    with pytest.raises(UsageError, match="drill orders-fail: the plan has no hook 'orders-fail'; it has broken"):
        check_drills([drill], plan)
    flagged = next(each for each in load_drills(Options().drills) if isinstance(each.disturbance, Fault))
    with pytest.raises(UsageError, match=r"no part of the plan reads \$faults"):
        check_drills([flagged], plan)


def test_a_deploy_needs_a_service_that_can_be_told_its_release(tmp_path: Path) -> None:
    deploy = next(each for each in load_drills(Options().drills) if isinstance(each.disturbance, Deploy))
    own = replace(deploy, disturbance=Deploy(timedelta(minutes=1), HookFault("broken", None, None)))
    check_drills([deploy], load_plan(Options().plan))
    with pytest.raises(UsageError, match=r"the plan's service reads no \$release, so none can be deployed"):
        check_drills([own], load_plan(write(tmp_path)))


def test_rules_and_drills_may_be_others_than_the_plans(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert with_plan(path, None, None) == Options(plan=path, rules=tmp_path / "monitors", drills=tmp_path / "drills")
    assert with_plan(path, ROOT, None).rules == ROOT


def rehearse(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_init_writes_what_can_be_checked_and_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    written = rehearse("init", str(folder))
    assert written.stdout.splitlines() == [str(folder / name) for name in FILES]
    assert f"rehearse plan check {folder / 'plan.yml'} " in written.stderr
    assert f"rehearse run --plan {folder / 'plan.yml'} " in written.stderr
    done = rehearse("plan", "check", str(folder / "plan.yml"))
    assert (done.exit_code, done.output) == (0, "1 alerts and 2 drills, no mistakes\n")
    again = rehearse("init", str(folder))
    assert isinstance(again.exception, UsageError)
    assert "plan.yml" in str(again.exception)


def test_a_new_drill_comes_last_and_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "35-other.yml").write_text("x")
    done = rehearse("drills", "new", "my-drill", "--drills", str(tmp_path))
    assert done.output == f"{tmp_path / '40-my-drill.yml'}\n"
    (tmp_path / "35-other.yml").unlink()
    assert [drill.name for drill in load_drills(tmp_path)] == ["my-drill"]
    for name, said in (("my-drill", "is there already"), ("../x", "allowed are lower-case letters")):
        assert said in str(rehearse("drills", "new", name, "--drills", str(tmp_path)).exception)


DRILLS = [*sorted(Options().drills.glob("*.yml")), *sorted((TEMPLATE / "drills").glob("*.yml")), TEMPLATE / "drill.yml"]
PLANS = [Options().plan, TEMPLATE / "plan.yml", NODE / "plan.yml"]


@pytest.mark.parametrize("path", [*DRILLS, *PLANS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_schemas_take_what_the_loaders_take(path: Path) -> None:
    schema = plan_schema() if path in PLANS else drill_schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "My Shop"},
        {"folder": 1},
        {"servise": {}},
        {"service": {"command": "x"}},
        {"load": {}},
        {"hooks": [{"name": "a", "begin": {"request": "x", "command": "y"}, "end": {"command": "y"}}]},
        {"books": "perhaps"},
    ],
)
def test_the_schema_of_plans_refuses_mistakes(change: dict[str, Any]) -> None:
    validator = Draft202012Validator(plan_schema())
    assert validator.is_valid(yaml.safe_load(GOOD))
    assert not validator.is_valid(yaml.safe_load(GOOD) | change)


def test_the_commands_print_the_schemas() -> None:
    assert json.loads(rehearse("plan", "schema").output) == plan_schema()
    assert json.loads(rehearse("drills", "schema").output) == drill_schema()
