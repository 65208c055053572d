"""Preflight: every requirement alone, at its limit and below it, on machines that are made up."""

from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal.errors import EnvironmentMissingError
from rehearsal.self_hosted.preflight import Level, Machine, Profile, check, find_missing, judge, look, render

FULL, ERRORS = Profile.FEATURE_COMPLETE, Profile.ERRORS_ONLY
BIND = "127.0.0.1:9000"
GOOD = Machine(
    docker="28.5.2",
    compose="2.40.3",
    bash="5.2.15(1)-release",
    architecture="amd64",
    has_sse42=True,
    cpus=4,
    memory_mb=14_000,
    swap_mb=16_000,
    disk_free_gb=20,
)


def levels(machine: Machine, profile: Profile = FULL) -> dict[str, Level]:
    """The rows that are not ok."""
    return {row.name: row.level for row in judge(machine, profile, BIND) if row.level is not Level.OK}


def test_a_machine_at_every_limit_passes() -> None:
    assert levels(GOOD) == {}
    assert levels(replace(GOOD, cpus=2, memory_mb=7_000), ERRORS) == {}


@pytest.mark.parametrize(
    ("change", "row", "found"),
    [
        ({"docker": "", "docker_said": "Cannot connect"}, "Docker engine", "Cannot connect"),
        ({"docker": "19.03.5"}, "Docker engine", "19.03.5"),
        ({"compose": ""}, "Docker Compose", "none"),
        ({"compose": "2.26.1-4"}, "Docker Compose", "2.26.1-4"),
        ({"bash": "3.2.57(1)-release"}, "bash", "3.2.57(1)-release"),
        ({"bash": ""}, "bash", "none"),
        ({"architecture": "riscv64"}, "architecture", "riscv64"),
        ({"has_sse42": False}, "SSE 4.2", "no"),
        ({"cpus": 3}, "CPUs", "3"),
        ({"memory_mb": 13_999}, "memory", "13999 MB"),
        ({"disk_free_gb": 19}, "disk", "19 GB free"),
        ({"taken_port": True}, f"port {BIND}", "taken"),
        ({"volumes": ("sentry-data", "sentry-kafka")}, "other installs", "sentry-data, sentry-kafka"),
    ],
)
def test_each_lack_is_found_alone_with_what_is_needed_and_what_to_do(
    change: dict[str, object], row: str, found: str
) -> None:
    machine = replace(GOOD, **change)  # type: ignore[arg-type]  # the table's own fields
    assert levels(machine) == {row: Level.MISSING}
    [missing] = find_missing(judge(machine, FULL, BIND))
    assert (missing.name, missing.found) == (row, found)
    assert missing.needed
    assert f"missing: {row}: {missing.remedy}" in render(judge(machine, FULL, BIND))
    with pytest.raises(EnvironmentMissingError, match=f"cannot be installed here: {row}\n"):
        check(machine, FULL, BIND)


@pytest.mark.parametrize(("change", "row"), [({"swap_mb": 15_999}, "swap"), ({"open_files": 20_000}, "open files")])
def test_what_only_hurts_is_a_warning(change: dict[str, int], row: str) -> None:
    machine = replace(GOOD, **change)  # type: ignore[arg-type]
    assert levels(machine) == {row: Level.WARNING}
    assert check(machine, FULL, BIND)


def test_arm_is_not_asked_for_an_intel_instruction() -> None:
    assert levels(replace(GOOD, architecture="arm64", has_sse42=False)) == {}


def test_the_smaller_profile_is_named_where_it_would_fit() -> None:
    rows = {row.name: row.remedy for row in judge(replace(GOOD, cpus=2, memory_mb=8_000), FULL, BIND)}
    assert rows["CPUs"].endswith("or PROFILE=errors-only")
    assert rows["memory"].endswith("or PROFILE=errors-only")
    assert levels(replace(GOOD, cpus=2, memory_mb=8_000), ERRORS) == {}


def test_everything_that_lacks_is_told_at_once() -> None:
    with pytest.raises(
        EnvironmentMissingError, match="Docker engine, Docker Compose, bash, architecture, CPUs, memory, disk\n"
    ):
        check(Machine(), FULL, BIND)


def test_looking_around_writes_nothing(tmp_path: Path) -> None:
    machine = look("127.0.0.1:1", tmp_path / "not" / "there", is_ours=False)
    assert machine.disk_free_gb > 0
    assert list(tmp_path.iterdir()) == []
