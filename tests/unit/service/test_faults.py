"""Faults: the file's format, its watching, and what a flag does to a request."""

import asyncio
import json
import logging
import random
from pathlib import Path
from typing import Any

import pytest
from openfeature.evaluation_context import EvaluationContext

from service.dependency import Dependency
from service.errors import IslError
from service.fault_file import ROUTE_KEY, FaultFileError, FaultFileProvider, Setting, parse_faults
from service.fault_registry import FAULTS
from service.faults import NO_FAULTS, open_faults

ROUTE = "/api/v1/causal/validate"


def _write(path: Path, document: object) -> None:
    """Replace the file as writers must: beside it, then rename."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(document))
    beside.replace(path)


def _hits(provider: FaultFileProvider, flag: str, route: str = ROUTE, times: int = 1000) -> int:
    context = EvaluationContext(attributes={ROUTE_KEY: route})
    return sum(
        provider.resolve_boolean_details(flag, default_value=False, evaluation_context=context).value
        for _ in range(times)
    )


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_every_fault_is_described_and_off_by_default(fault: Any) -> None:
    assert fault.description
    assert fault.default == 0


def test_absent_flags_are_off_and_routes_default_to_all() -> None:
    assert parse_faults(b'{"error_rate": {"value": 0.2}}') == {"error_rate": Setting(0.2, ("*",))}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no object"),
        (b'{"eror_rate": {"value": 1}}', "unknown flag"),
        (b'{"error_rate": 0.2}', "error_rate"),
        (b'{"error_rate": {}}', "error_rate.value"),
        (b'{"error_rate": {"value": 0.2, "route": []}}', "error_rate"),
        (b'{"error_rate": {"value": 1.01}}', "0 to 1"),
        (b'{"error_rate": {"value": -1}}', "0 to 1"),
        (b'{"error_rate": {"value": NaN}}', "0 to 1"),
        (b'{"error_rate": {"value": true}}', "0 to 1"),
        (b'{"error_rate": {"value": "0.2"}}', "0 to 1"),
        (b'{"added_latency_ms": {"value": 60001}}', "0 to 60000"),
        (b'{"added_latency_ms": {"value": 1, "spread": 2.1}}', "spread: found 2.1, allowed: 0 to 2"),
        (b'{"error_rate": {"value": 1, "spread": 1}}', "`value` and optionally `routes`, `evenly`"),
        (b'{"error_rate": {"value": 1, "evenly": 1}}', "evenly: found 1, allowed: true or false"),
        (b'{"added_latency_ms": {"value": 1, "evenly": true}}', "`value` and optionally `routes`, `spread`"),
        (b'{"memory_pressure": {"value": 1025}}', "0 to 1024"),
        (b'{"error_rate": {"value": 1, "routes": "/x"}}', "routes"),
        (b'{"error_rate": {"value": 1, "routes": [1]}}', "routes"),
        (b'{"error_rate": {"value": 1, "dependencies": ["plot"]}}', "`routes`"),
        (b'{"dependency_down": {"value": 1, "routes": ["*"]}}', "`dependencies`"),
    ],
)
def test_malformed_file_is_refused_with_the_place(raw: bytes, message: str) -> None:
    with pytest.raises(FaultFileError, match=message):
        parse_faults(raw)


def test_malformed_file_is_logged_once_and_means_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "faults.json"
    path.write_text("{")
    provider = FaultFileProvider(path)
    with caplog.at_level(logging.ERROR):
        assert _hits(provider, "error_rate", times=10) == 0
    assert len(caplog.records) == 1


def test_share_is_met_by_chance(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    _write(path, {"error_rate": {"value": 0.2}})
    # 1000 draws of 0.2: standard deviation 12.6; the seed makes it certain.
    assert 160 <= _hits(FaultFileProvider(path, random.Random(7)), "error_rate") <= 240


@pytest.mark.parametrize(("share", "expected"), [(0, 0), (1, 1000)])
def test_shares_at_the_ends_are_exact(tmp_path: Path, share: float, expected: int) -> None:
    path = tmp_path / "faults.json"
    _write(path, {"error_rate": {"value": share}})
    assert _hits(FaultFileProvider(path), "error_rate") == expected


def test_routes_limit_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    _write(path, {"error_rate": {"value": 1, "routes": ["/api/*/validate"]}})
    provider = FaultFileProvider(path)
    assert _hits(provider, "error_rate", times=1) == 1
    assert _hits(provider, "error_rate", "/api/v1/causal/counterfactual", times=1) == 0


def test_file_may_appear_change_and_vanish(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    provider = FaultFileProvider(path)
    seen = [_hits(provider, "error_rate", times=1)]
    for share in (1, 0, 1):
        _write(path, {"error_rate": {"value": share}})
        seen.append(_hits(provider, "error_rate", times=1))
    path.unlink()
    seen.append(_hits(provider, "error_rate", times=1))
    assert seen == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("flag", "code"), [("error_rate", "ISL_COMPUTATION_ERROR"), ("new_error_code", "ISL_MONTE_CARLO_ERROR")]
)
def test_failure_flag_raises_its_code(tmp_path: Path, flag: str, code: str) -> None:
    path = tmp_path / "faults.json"
    _write(path, {flag: {"value": 1}})
    with pytest.raises(IslError) as caught:
        open_faults(path).trip(ROUTE)
    assert caught.value.code.name == code


def test_latency_flag_holds_back_on_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(delay_s: float) -> None:
        waits.append(delay_s)

    monkeypatch.setattr("service.faults.asyncio.sleep", sleep)
    path = tmp_path / "faults.json"
    _write(path, {"added_latency_ms": {"value": 250}})
    faults = open_faults(path)
    asyncio.run(faults.hold_back(ROUTE))
    assert waits == [0.25]
    faults.trip(ROUTE)  # the computation itself is left alone
    assert waits == [0.25]


def test_spread_makes_a_distribution_of_this_median(tmp_path: Path) -> None:
    """Log-normal with sigma 0.5: a P95 of 2.28 times the median, and never more than the fault's maximum."""
    path = tmp_path / "faults.json"
    _write(path, {"added_latency_ms": {"value": 800, "spread": 0.5}, "dependency_slow": {"value": 60_000, "spread": 2}})
    provider = FaultFileProvider(path, random.Random(7))
    context = EvaluationContext(attributes={ROUTE_KEY: ROUTE})
    drawn = sorted(provider.resolve_float_details("added_latency_ms", 0.0, context).value for _ in range(2000))
    # Of 2000 draws: standard errors of 11 and 34 ms; the seed makes it certain.
    assert 770 <= drawn[1000] <= 830
    assert 1720 <= drawn[1900] <= 1920
    assert max(provider.resolve_float_details("dependency_slow", 0.0).value for _ in range(50)) == 60_000


def test_an_even_share_hits_every_nth_evaluation(tmp_path: Path) -> None:
    """Also while the share is changed, as a fault does that creeps: no hit is lost and none comes twice."""
    path = tmp_path / "faults.json"
    provider = FaultFileProvider(path)
    context = EvaluationContext(attributes={ROUTE_KEY: ROUTE})

    def hits(share: float, count: int) -> list[int]:
        _write(path, {"error_rate": {"value": share, "evenly": True}})
        seen = (provider.resolve_boolean_details("error_rate", False, context).value for _ in range(count))  # noqa: FBT003
        return [number for number, is_hit in enumerate(seen, start=1) if is_hit]

    assert hits(0.1, 25) == [10, 20]
    assert hits(0.25, 10) == [2, 6, 10]  # half of a hit was owed


def test_memory_is_held_while_the_flag_is_on(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    faults = open_faults(path)
    held = []
    for size_mib in (0, 8, 3):
        _write(path, {"memory_pressure": {"value": size_mib, "routes": [ROUTE]}})
        faults.trip(ROUTE)
        held.append(faults.ballast.size_mib)
    path.unlink()
    faults.trip(ROUTE)
    assert [*held, faults.ballast.size_mib] == [0, 8, 3, 0]


@pytest.mark.parametrize(("share", "expected"), [(0, False), (1, True)])
def test_silence_keeps_back_the_named_routes(tmp_path: Path, share: float, expected: bool) -> None:
    path = tmp_path / "faults.json"
    _write(path, {"silence": {"value": share, "routes": [ROUTE]}})
    assert open_faults(path).is_silent(ROUTE) is expected
    assert not open_faults(path).is_silent("/other")


@pytest.mark.parametrize(
    ("document", "verdict", "waited"),
    [
        ({"dependency_down": {"value": 1}}, "down", []),
        ({"dependency_down": {"value": 1, "dependencies": ["database", "pl*"]}}, "down", []),
        ({"dependency_down": {"value": 1, "dependencies": ["database"]}}, "ok", []),
        ({"dependency_slow": {"value": 250, "dependencies": ["plot"]}}, "ok", [0.25]),
        ({"dependency_slow": {"value": 5000}}, "timeout", [1.0]),
        ({"error_rate": {"value": 1}}, "ok", []),
    ],
)
def test_dependency_faults_hit_the_named_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: Any, verdict: str, waited: list[float]
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("service.faults.time.sleep", waits.append)
    path = tmp_path / "faults.json"
    _write(path, document)
    assert (open_faults(path).disturb(Dependency.PLOT, 1.0), waits) == (verdict, waited)


def test_without_a_file_nothing_happens() -> None:
    NO_FAULTS.trip(ROUTE)
    asyncio.run(NO_FAULTS.hold_back(ROUTE))
    assert NO_FAULTS.disturb(Dependency.PLOT, 1.0) == "ok"
    assert not NO_FAULTS.is_silent(ROUTE)
    assert open_faults(None) is NO_FAULTS
