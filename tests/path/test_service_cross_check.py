"""The second opinion by y0, as it shows in Sentry: the real service, the real SDK, a real socket, and the real y0.

Where y0 fails, hangs or cannot be read, a package of the same name stands before it: the real one does none of that.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from service.cross_check.check import LIMIT_S
from tests.path.engine import DEADLINE_S, ROOT, free_port
from tests.path.isl import Receiver, Service, Start, command, environ, sentry

VALIDATE, BATCH = "/api/v1/causal/validate", "/api/v1/batch/validate"
ON = {"ISL_Y0_CROSS_CHECK": "true"}
# y0 0.2.11 answers P(y | x), which is wrong: https://github.com/y0-causal-inference/y0/issues/372
NAPKIN: dict[str, Any] = {
    "nodes": ["w", "z", "x", "y"],
    "edges": [["w", "z"], ["z", "x"], ["x", "y"]],
    "bidirected": [["w", "x"], ["w", "y"]],
}
OURS = "(Σ_{w} P(w) P(x | w, z) P(y | w, z, x)) / (Σ_{w} P(w) P(x | w, z))"
BACK_DOOR = {"nodes": ["z", "x", "y"], "edges": [["z", "x"], ["z", "y"], ["x", "y"]]}
BOW = {"nodes": ["x", "y"], "edges": [["x", "y"]], "bidirected": [["x", "y"]]}
FAILING = """
import time

def identify_outcomes(graph, treatment, outcome):
    if len(graph) == 2:
        time.sleep(60)
    raise KeyError(str(graph))
"""
KINDS = """
class Expression: ...
class Fraction: ...
class One: ...
class Probability: ...
class Product: ...
class Sum: ...
Variable = str
"""
GRAPH = """
class NxMixedGraph:
    @staticmethod
    def from_edges(nodes, directed, undirected):
        return nodes
"""


def _ask(service: Service, dag: dict[str, Any]) -> dict[str, Any]:
    answer = service.send(VALIDATE, {"dag": dag, "treatment": "x", "outcome": "y"})
    return {"http": answer.status_code, **answer.json()}


def _with_more(count: int) -> dict[str, Any]:
    return NAPKIN | {"nodes": [*NAPKIN["nodes"], *(f"n{place}" for place in range(count))]}


def _shadow(tmp_path: Path, package: str = "") -> dict[str, str]:
    """Put another y0 before the one that may be installed."""
    folder = tmp_path / "y0"
    (folder / "algorithm").mkdir(parents=True)
    (folder / "__init__.py").write_text(package)
    (folder / "algorithm" / "__init__.py").touch()
    (folder / "algorithm" / "identify.py").write_text(FAILING)
    (folder / "dsl.py").write_text(KINDS)
    (folder / "graph.py").write_text(GRAPH)
    return ON


@pytest.mark.usefixtures("y0")
def test_where_y0_answers_otherwise_the_answer_is_ours_and_sentry_is_told_once(
    start: Start, receiver: Receiver
) -> None:
    service = start(**sentry(receiver, **ON, PROBE_Y0_LIMIT_S="10"))  # a busy machine is no matter of this test
    good, proven_no, napkin, again = (_ask(service, dag) for dag in (BACK_DOOR, BOW, NAPKIN, NAPKIN))
    [item] = service.send(BATCH, {"items": [{"dag": _with_more(1), "treatment": "x", "outcome": "y"}]}).json()["items"]
    large = _ask(service, _with_more(7))  # eleven nodes
    worker = Path(f"/proc/{service.process.pid}/maps").read_text()
    log = service.terminate()

    assert [each["http"] for each in (good, proven_no, napkin, again, large)] == [200, 422, 200, 200, 200]
    assert (napkin["method"], napkin["estimand"]) == ("id", OURS)
    assert {**again, "cache_hit": False, "request_id": napkin["request_id"]} == napkin
    assert item["result"]["estimand"] == large["estimand"] == OURS
    alone, in_batch = receiver.of_type("event")
    tags = ("request_id", "error_code", "retryable", "computation_type")
    assert [alone["tags"][name] for name in tags] == [napkin["request_id"], "ISL_Y0_ERROR", "false", "identify"]
    assert (alone["level"], alone["transaction"], alone["fingerprint"]) == ("warning", VALIDATE, ["ISL_Y0_ERROR"])
    assert alone["contexts"]["error_schema"] == {
        "code": "ISL_Y0_ERROR",
        "reason": "estimand_differs",
        "retryable": False,
        "source": "isl",
    }
    assert alone["contexts"]["dag"] == {"node_count": 4, "edge_count": 5, "treatment": "x", "outcome": "y"}
    [error] = alone["exception"]["values"]
    assert (error["type"], error["mechanism"]["handled"]) == ("IslError", True)
    assert "the estimand of y0 is off by 0." in error["value"]
    assert in_batch["contexts"]["dag"]["node_count"] == 5
    assert f"[{napkin['request_id']}] y0 as a second opinion: ISL_Y0_ERROR: In a drawn model" in log
    # The requests went well, and look like it: in their transactions, and in the counts that no sampling touches.
    assert {each["contexts"]["trace"]["status"] for each in receiver.of_type("transaction")} == {
        "ok",
        "invalid_argument",
    }
    spans = [[span["op"] for span in each["spans"]] for each in receiver.of_type("transaction")]
    assert spans[2] == ["cache.get", "causal.identify", "cache.put", "causal.cross_check", "serialize"]
    assert ["causal.cross_check" in each for each in spans] == [True, True, True, False, True, False]
    counted = [each for sessions in receiver.of_type("sessions") for each in sessions["aggregates"]]
    assert sum(each.get("exited", 0) for each in counted) >= 6
    assert sum(each.get("errored", 0) + each.get("crashed", 0) for each in counted) == 0
    assert "pandas" not in worker, "y0 is the matter of the process beside the worker"


def test_without_the_setting_nobody_is_asked(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver))
    assert _ask(service, NAPKIN)["estimand"] == OURS
    service.terminate()
    assert receiver.of_type("event") == []
    [transaction] = receiver.of_type("transaction")
    assert "causal.cross_check" not in {span["op"] for span in transaction["spans"]}


def test_a_y0_that_fails_or_hangs_fails_no_request(start: Start, receiver: Receiver, tmp_path: Path) -> None:
    service = start(**sentry(receiver, **_shadow(tmp_path)))
    failed = _ask(service, json.loads(json.dumps(NAPKIN).replace('"w"', '"tell_tale"')))
    hung = service.send(VALIDATE, {"dag": BOW, "treatment": "x", "outcome": "y"})
    service.terminate()
    assert (failed["http"], failed["estimand"]) == (200, OURS.replace("w", "tell_tale"))
    assert (hung.status_code, hung.json()["code"]) == (422, "ISL_CAUSAL_NOT_IDENTIFIABLE")
    assert LIMIT_S < hung.elapsed.total_seconds() < DEADLINE_S
    events = receiver.of_type("event")
    assert [each["contexts"]["error_schema"]["reason"] for each in events] == ["y0_library_error", "y0_timeout"]
    assert [each["fingerprint"] for each in events] == [["ISL_Y0_ERROR"]] * 2
    assert [each["type"] for each in events[0]["exception"]["values"]] == ["KeyError", "IslError"]
    assert events[0]["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] == "identify_outcomes"
    assert {each["level"] for each in events} == {"warning"}
    assert "tell_tale" not in receiver.text()


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_without_y0_the_start_says_how_to_get_it(tmp_path: Path, server: str) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['y0'] = None  # as if it were not installed\n")
    done = _start_in_vain(tmp_path, server)
    assert done.returncode == 2
    assert "ISL_Y0_CROSS_CHECK: found true, and y0 is not installed" in done.stderr
    assert "`make y0`, or pip's sentry-rehearsal[y0]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_y0_that_cannot_be_read_stops_the_start_and_says_why(tmp_path: Path) -> None:
    _shadow(tmp_path, package="import pandas_that_is_missing\n")
    done = _start_in_vain(tmp_path, "uvicorn")
    assert done.returncode == 3
    assert "No module named 'pandas_that_is_missing'" in done.stderr
    assert "ISL_Y0_CROSS_CHECK" in done.stderr


def _start_in_vain(tmp_path: Path, server: str) -> "subprocess.CompletedProcess[str]":
    port = free_port()
    return subprocess.run(
        command(server, port),
        cwd=ROOT,
        env=environ(tmp_path, port, ON),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
