"""The JavaScript SDK and sentry-cli, as the npm registry has them, against the engine. Needs Node (`-m node`)."""

import hashlib
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.path.engine import DEADLINE_S, ORGANIZATION, ROOT, Engine, Project, start_engine

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]
HERE = Path(__file__).parent / "node"
INSTALL_S = 300.0


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """Install the two packages once, under var/, by the client of the registry; skip where that cannot be."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node is not installed")
    wanted = (HERE / "package.json").read_bytes()
    cache = ROOT / "var" / "node" / hashlib.sha256(wanted).hexdigest()[:12]
    if not (cache / "installed").exists():
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "package.json").write_bytes(wanted)
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        try:
            done = subprocess.run(command, cwd=cache, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm install took more than {INSTALL_S:g} s")
        if done.returncode != 0:
            pytest.skip(f"npm install failed: {done.stderr.strip()[-200:] or 'no network?'}")
        (cache / "installed").touch()
    return cache / "node_modules"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    yield engine
    assert engine.end() in (0, -15), (engine.data_dir / "log").read_text()


@pytest.fixture
def project(engine: Engine) -> Project:
    return engine.project(f"p-{uuid4().hex[:8]}")


def run(*command: str, **environ: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SENTRY_")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=DEADLINE_S, check=False, env=inherited | environ
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def counted(project: Project) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for (category, outcome, _), quantity in project.outcomes().items():
        if not category.endswith("_byte"):
            found[category, outcome] += quantity
    return dict(found)


def test_javascript_sdk_is_taken_whole(node_modules: Path, project: Project) -> None:
    """Spans instead of transactions, key in the query, chunked bodies, items without length: all of it is booked."""
    run("node", str(HERE / "app.js"), project.dsn, NODE_PATH=str(node_modules))
    books = counted(project)
    books.pop(("session", "accepted"), None)  # how many depends on when the process ends
    assert books == {
        ("span", "accepted"): 6,
        ("error", "accepted"): 3,
        ("error", "client_discard"): 1,  # the SDK's own de-duplication of two equal errors in a row
        ("monitor", "accepted"): 1,
        ("feedback", "accepted"): 1,
        ("log_item", "accepted"): 4,
        ("attachment", "accepted"): 100_000,
        ("attachment_item", "accepted"): 1,
    }


def test_javascript_requests_have_endpoint_release_and_status(node_modules: Path, project: Project) -> None:
    run("node", str(HERE / "app.js"), project.dsn, NODE_PATH=str(node_modules))
    rows = project.search("spans", "transaction", "span.op", "span.status", "release", "environment", "sample_weight")
    assert (
        rows
        == [
            {
                "transaction": "GET /items/:id",
                "span.op": "http.server",
                "span.status": "ok",
                "release": "web@1",
                "environment": "test",
                "sample_weight": 1.0,
            }
        ]
        * 3
    )
    issues = project.engine.ask("GET", f"{ORGANIZATION}/issues/", project=project.slug)
    assert sorted((issue["title"], issue["count"]) for issue in issues) == [
        ("Error: hello", "1"),
        ("Error: it broke", "1"),
        ("Error: with a file", "1"),
    ]


def test_cli_asks_and_releases_over_the_web_api(node_modules: Path, project: Project) -> None:
    cli, url = str(node_modules / ".bin" / "sentry-cli"), project.engine.url
    token = (project.engine.data_dir / "token").read_text()
    environ = {"SENTRY_URL": url, "SENTRY_AUTH_TOKEN": token, "SENTRY_ORG": "sentry", "SENTRY_PROJECT": project.slug}
    info = run(cli, "info", **environ)
    assert "Method: Auth Token" in info
    assert "event:read" in info
    assert project.slug in run(cli, "projects", "list", **environ)
    run(cli, "send-event", "-m", "from the shell", "-r", "cli@1", SENTRY_DSN=project.dsn)
    listed = run(cli, "issues", "list", **environ)
    assert "from the shell" in listed
    run(cli, "releases", "new", "cli@2", **environ)
    run(cli, "releases", "finalize", "cli@2", **environ)
    run(cli, "deploys", "new", "--release", "cli@2", "-e", "prod", **environ)
    shown = project.engine.ask("GET", f"{ORGANIZATION}/releases/cli@2/")
    assert (shown["deployCount"], shown["dateReleased"] is None) == (1, False)
    releases = run(cli, "releases", "list", **environ)
    assert "cli@1" in releases
    assert "cli@2" in releases


def test_cli_sends_events_envelopes_and_check_ins(node_modules: Path, project: Project, tmp_path: Path) -> None:
    cli = str(node_modules / ".bin" / "sentry-cli")
    run(cli, "send-event", "-m", "from the shell", SENTRY_DSN=project.dsn)
    run(cli, "monitors", "run", "nightly", "--", "true", SENTRY_DSN=project.dsn)
    file = tmp_path / "event.envelope"
    ident = uuid4().hex
    file.write_text(f'{{"event_id":"{ident}"}}\n{{"type":"event"}}\n{{"message":"from a file"}}\n')
    run(cli, "send-envelope", "--raw", str(file), SENTRY_DSN=project.dsn)
    assert {row["title"] for row in project.search("errors", "title")} == {"from the shell", "from a file"}
    assert counted(project) == {("error", "accepted"): 2, ("monitor", "accepted"): 2}
