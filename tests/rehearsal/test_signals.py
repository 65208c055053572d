"""The signal matrix: did this service's signal arrive? One row, one test, on each engine, through its web API alone.

The embedded engine always; a Sentry that is there already where SENTRY_URL and SENTRY_AUTH_TOKEN name one.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import httpx
import pytest
import yaml

from monitors import signals
from rehearsal.canary import TRANSACTION, is_canary, send_canary, with_canary
from rehearsal.clock import Pace, now, sleep
from rehearsal.disturbance import Fault
from rehearsal.engines.remote import RemoteEngine, find_site
from rehearsal.parts import start_parts
from rehearsal.settings import ROOT, Options
from rehearsal.sink import Page, read_pages
from rehearsal.stack import Stack
from tests.unit.rehearsal.samples import RULES

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(1800)]
PATIENCE: Final = timedelta(seconds=15)  # beyond the engine's own lag
POLL: Final = timedelta(milliseconds=250)
WELL, ILL = "req_00000000000000a1", "req_00000000000000b2"  # a request that works, and one that fails
VALIDATE: Final = "/api/v1/causal/validate"
QUESTION: Final = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}
DECISION: Final = {
    "decision": "price",
    "options": [{"id": "a", "mean": 2.0, "std": 1.0}, {"id": "b", "mean": 1.0, "std": 1.0}],
    "chosen": "a",
}


class Silent:
    def say(self, text: str) -> None: ...
    def show(self, text: str) -> None: ...


@dataclass
class Look:
    """A Sentry after the requests were sent and the service was stopped."""

    stack: Stack

    def get(self, path: str, **params: Any) -> Any:
        """Ask the web API; below the organisation where the path does not begin with a slash."""
        url = f"{self.stack.engine.url}/api/0" + (path if path.startswith("/") else f"/organizations/sentry/{path}")
        headers = {"Authorization": f"Bearer {self.stack.engine.token}"}
        answer = httpx.get(url, params=params, headers=headers, timeout=30, trust_env=False)
        return answer.json() if answer.is_success else {}

    def rows(self, dataset: str, query: str) -> list[dict[str, Any]]:
        fields = ["id", "environment", "release"]
        asked = {"dataset": dataset, "query": query, "field": fields, "statsPeriod": "1h"}
        return list(self.get("events/", project=self.stack.project_id, **asked).get("data", []))

    def event(self, dataset: str, query: str) -> dict[str, Any]:
        """The whole of the first event that a search finds; empty while there is none."""
        found = self.rows(dataset, query)
        if not found:
            return {}
        with self.stack.client() as client:
            slug = next(each.slug for each in client.projects() if each.id == self.stack.project_id)
        return dict(self.get(f"/projects/sentry/{slug}/events/{found[0]['id'].replace('-', '')}/"))

    @property
    def error(self) -> dict[str, Any]:
        return self.event("errors", f"{signals.REQUEST_ID.name}:{ILL}")

    @property
    def transaction(self) -> dict[str, Any]:
        return self.event("spans", f"{signals.IS_TRANSACTION.name}:true {signals.REQUEST_ID.name}:{WELL}")

    def tag(self, name: str) -> str | None:
        return {each["key"]: each["value"] for each in self.error.get("tags", [])}.get(name)

    def entry(self, event: dict[str, Any], kind: str) -> Any:
        return next((each["data"] for each in event.get("entries", []) if each["type"] == kind), None)

    def crumbs(self) -> set[str]:
        return {each.get("category") for each in (self.entry(self.error, "breadcrumbs") or {}).get("values", [])}

    def ops(self) -> set[str]:
        return {each.get("op") for each in self.entry(self.transaction, "spans") or []}

    def counted(self, **only: str) -> int:
        """What the outcomes say."""
        asked = {"field": "sum(quantity)", "groupBy": "category", "statsPeriod": "1d", "interval": "1h"}
        groups = self.get("stats_v2/", project=self.stack.project_id, **asked, **only).get("groups", [])
        return sum(each["totals"]["sum(quantity)"] for each in groups)

    def sessions(self) -> int:
        asked = {"field": "sum(session)", "statsPeriod": "1d", "interval": "1h"}
        groups = self.get("sessions/", project=self.stack.project_id, **asked).get("groups", [])
        return sum(each["totals"]["sum(session)"] for each in groups)

    def page(self, is_it: Callable[[Page], bool]) -> bool:
        return any(is_it(each) and each.is_signed for each in read_pages(self.stack.pages))

    def issues(self, query: str) -> list[Any]:
        return list(self.get("issues/", project=self.stack.project_id, query=query, statsPeriod="24h"))


MATRIX: Final[dict[str, Callable[[Look], object]]] = {
    "error event": lambda seen: len(seen.rows("errors", f"{signals.REQUEST_ID.name}:{ILL}")) == 1,
    "its exception with its frames": lambda seen: seen.entry(seen.error, "exception")["values"][-1]["stacktrace"],
    "its issue": lambda seen: seen.issues("is:unresolved"),
    "tag: error code": lambda seen: seen.tag(signals.ERROR_CODE.name) == "ISL_COMPUTATION_ERROR",
    "tag: service": lambda seen: seen.tag(signals.SERVICE.name) == "isl",
    "tag: source": lambda seen: seen.tag(signals.SOURCE.name) == "isl",
    "tag: retryable": lambda seen: seen.tag(signals.RETRYABLE.name) == "true",
    "tag: computation type": lambda seen: seen.tag(signals.COMPUTATION_TYPE.name) == "identify",
    "tag: runbook": lambda seen: str(seen.tag(signals.RUNBOOK.name)).endswith("ISL_COMPUTATION_ERROR"),
    "context: graph": lambda seen: seen.error["contexts"][signals.DAG.name]["node_count"] == 2,
    "context: error schema": lambda seen: seen.error["contexts"][signals.ERROR_SCHEMA.name]["source"] == "isl",
    "context: fault flags": lambda seen: seen.error["contexts"]["flags"]["values"],
    "context: trace": lambda seen: seen.error["contexts"]["trace"]["trace_id"],
    "breadcrumbs": lambda seen: signals.CRUMB_VALIDATION.name in seen.crumbs(),
    "user, as a hash": lambda seen: len(seen.error["user"]["id"]) == 32,
    "environment": lambda seen: seen.rows("errors", "")[0]["environment"] == "staging",
    "release of the event": lambda seen: seen.rows("errors", "")[0]["release"].startswith("isl@"),
    "release, listed": lambda seen: [each for each in seen.get("releases/") if each["version"].startswith("isl@")],
    "transaction": lambda seen: len(seen.rows("spans", f"is_transaction:true request_id:{WELL}")) == 1,
    "span: cache": lambda seen: {signals.OP_CACHE_GET.name, signals.OP_CACHE_PUT.name} <= seen.ops(),
    "span: computation": lambda seen: signals.OP_IDENTIFY.name in seen.ops(),
    "span: serialisation": lambda seen: signals.OP_SERIALIZE.name in seen.ops(),
    "sessions": lambda seen: seen.sessions() >= 3,
    "client report": lambda seen: seen.counted(outcome="client_discard", reason="sample_rate"),
    "profile": lambda seen: seen.counted(outcome="accepted", category="profile_chunk"),
    "accepted errors": lambda seen: seen.counted(outcome="accepted", category="error") == 1,
    "accepted transactions": lambda seen: seen.counted(outcome="accepted", category="transaction") >= 3,
    "metric issue": lambda seen: [each for each in seen.issues("") if each["issueType"] == "metric_issue"],
    "notification of an error issue": lambda seen: seen.page(lambda page: page.channel == "isl-oncall"),
    "notification of a metric issue": lambda seen: seen.page(is_canary),
    "search by transaction": lambda seen: seen.rows("spans", f"is_transaction:true transaction:{TRANSACTION}"),
}


ENGINES: Final = ("embedded", *(["there already"] if os.environ.get("SENTRY_URL") else []))


@pytest.fixture(scope="module", params=ENGINES)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """An engine that has received one of everything."""
    var = tmp_path_factory.mktemp("signals")
    remote, speed = None, 60.0
    if request.param == "there already":
        remote, speed = RemoteEngine(find_site(os.environ, var, os.environ.get("REHEARSE_SINK_HOST")), now()), 1.0
    stack = Stack(Options(speed=speed, plan=write_plan(var), var=var), var / "run", remote=remote)
    try:
        start_parts(stack, with_canary(RULES), Silent())
        send_canary(stack, Pace(speed, now()))
        send_requests(stack)
        stack.stop_part("service")  # sessions and client reports leave with it
        yield Look(stack)
    finally:
        stack.stop()


def write_plan(folder: Path) -> Path:
    """The reference plan, with a profile of every request and with users."""
    plan = yaml.safe_load((ROOT / "rehearsal" / "plan.yml").read_text())
    plan["folder"] = str(ROOT)
    plan["service"]["environment"] |= {"SENTRY_PROFILES_SAMPLE_RATE": "1.0", "ISL_USER_ID_SECRET": token_hex(32)}
    file = folder / "plan.yml"
    file.write_text(yaml.safe_dump(plan))
    return file


def send_requests(stack: Stack) -> None:
    headers = {"X-API-Key": stack.service_key.read_text(), "X-User-Id": "someone@example.test"}
    with httpx.Client(base_url=stack.urls["service"], headers=headers, timeout=30, trust_env=False) as service:
        assert service.post(VALIDATE, json=QUESTION, headers={"X-Request-Id": WELL}).status_code == 200
        assert service.post("/api/v1/outcomes/log", json=DECISION).status_code == 201
        stack.set_fault(Fault("error_rate", 1.0))
        deadline = now() + PATIENCE  # a worker sees the flag with its next request
        while service.post(VALIDATE, json=QUESTION, headers={"X-Request-Id": ILL}).status_code != 500:
            assert now() < deadline
        stack.set_fault()


@pytest.mark.parametrize("signal", MATRIX)
def test_the_signal_arrives(seen: Look, signal: str) -> None:
    deadline = now() + PATIENCE + seen.stack.engine.lag
    while not has_arrived(MATRIX[signal], seen):
        assert now() < deadline, f"waited in vain for: {signal}"
        sleep(POLL)


def has_arrived(look: Callable[[Look], object], seen: Look) -> bool:
    """What is not there yet may lack what the row looks into."""
    try:
        return bool(look(seen))
    except (KeyError, IndexError, TypeError):
        return False
