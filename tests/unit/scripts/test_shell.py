"""The shell scripts around the containers: secrets made once, secrets turned into variables."""

import os
import re
import subprocess
from pathlib import Path

from rehearsal.settings import ROOT

SECRETS = ("postgres_password", "redis_password", "sentry_auth_token")


URLS = {
    "database_url": "postgresql://isl:{postgres_password}@postgres:5432/isl",
    "cache_url": "redis://:{redis_password}@redis:6379/0",
}


def init(var: Path) -> str:
    done = subprocess.run(
        ["sh", str(ROOT / "scripts" / "stack-init.sh"), str(var)], capture_output=True, text=True, check=True
    )
    return done.stdout


def read(var: Path) -> dict[str, str]:
    return {name: (var / "secrets" / name).read_text() for name in SECRETS}


def test_secrets_are_random_private_and_made_once(tmp_path: Path) -> None:
    owner = init(tmp_path / "a")
    first = read(tmp_path / "a")
    assert all(re.fullmatch(r"(sntryu_)?[0-9a-f]{64}", each) for each in first.values())
    assert len(set(first.values())) == len(SECRETS)
    assert {(tmp_path / "a" / "secrets" / name).stat().st_mode & 0o777 for name in SECRETS} == {0o600}
    assert init(tmp_path / "a") == owner
    assert read(tmp_path / "a") == first
    for name, url in URLS.items():
        assert (tmp_path / "a" / "secrets" / name).read_text() == url.format(**first)
    init(tmp_path / "b")
    assert not set(read(tmp_path / "b").values()) & set(first.values())


def test_files_belong_to_whom_the_containers_run_as(tmp_path: Path) -> None:
    owner = dict(line.split("=") for line in init(tmp_path).split())
    assert int(owner["STACK_UID"]) == (os.getuid() or 10001)  # never root
    assert {each.stat().st_uid for each in (tmp_path / "secrets").iterdir()} == {int(owner["STACK_UID"])}


def test_an_empty_secret_of_an_interrupted_run_is_made_anew(tmp_path: Path) -> None:
    init(tmp_path)
    (tmp_path / "secrets" / "redis_password").write_text("")
    init(tmp_path)
    assert len(read(tmp_path)["redis_password"]) == 64


def test_files_named_as_variables_become_variables(tmp_path: Path) -> None:
    script = (ROOT / "scripts" / "with-secrets.sh").read_text().replace("/run/", f"{tmp_path}/")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "exchange").mkdir()
    (tmp_path / "secrets" / "ISL_DATABASE_URL").write_text("postgresql://isl:a b$c@postgres/isl")
    (tmp_path / "secrets" / "postgres_password").write_text("not a variable")
    (tmp_path / "exchange" / "SENTRY_DSN").write_text("")  # not there yet
    done = subprocess.run(
        ["sh", "-c", script, "sh", "env"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    assert "ISL_DATABASE_URL=postgresql://isl:a b$c@postgres/isl\n" in done.stdout
    assert not re.search("SENTRY_DSN|postgres_password", done.stdout)
