"""The release's archive: fetched whole or not at all, proven by its contents, unpacked with nothing outside."""

import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rehearsal.errors import EnvironmentMissingError
from rehearsal.self_hosted.release import digest_contents, fetch, read_pins, read_release, unpack, verify
from rehearsal.settings import ROOT
from tests.unit.rehearsal.self_hosted.upstream import FILES, RELEASE, make_archive

FOLDER = ROOT / "sentry-self-hosted"


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """A folder in place of sentry-self-hosted/, which pins the archive of these tests."""
    folder = tmp_path / "pins"
    folder.mkdir()
    archive = make_archive(tmp_path / "pinned.tar.gz")
    (folder / "CHECKSUMS").write_text(f"# why\n{RELEASE} {digest_contents(archive)}\n")
    return folder


def test_the_project_pins_the_release_that_it_is_written_for() -> None:
    assert read_release() == "26.8.0"
    assert len(read_pins(FOLDER / "CHECKSUMS")[read_release()]) == 64


@pytest.mark.parametrize("text", ["", "latest\n", "26.8\n", "26.8.0 # pinned\n"])
def test_a_version_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "VERSION").write_text(text)
    with pytest.raises(EnvironmentMissingError, match=r"needed is a release such as 26\.8\.0"):
        read_release(tmp_path)


def test_compressed_anew_it_is_the_same_release(tmp_path: Path, pins: Path) -> None:
    other = make_archive(tmp_path / "other.tar.gz", compression=1)
    assert other.read_bytes() != (tmp_path / "pinned.tar.gz").read_bytes()
    assert verify(other, RELEASE, tmp_path, pins).is_pinned


@pytest.mark.parametrize("change", [{"install.sh": "#!/bin/sh\n"}, {"more": ""}, {"install/wrap-up.sh": ""}])
def test_other_contents_are_refused_with_both_digests(tmp_path: Path, pins: Path, change: dict[str, str]) -> None:
    other = make_archive(tmp_path / "other.tar.gz", FILES | change)
    with pytest.raises(EnvironmentMissingError, match=f"found contents {digest_contents(other)}, needed are"):
        verify(other, RELEASE, tmp_path, pins)
    assert other.exists()  # the caller's own file


def test_a_release_without_a_pin_is_pinned_by_its_first_use(tmp_path: Path, pins: Path) -> None:
    archive = make_archive(tmp_path / "new.tar.gz")
    first = verify(archive, "26.9.0", tmp_path, pins)
    assert not first.is_pinned
    assert read_pins(tmp_path / "self-hosted" / "CHECKSUMS") == {"26.9.0": first.digest}
    assert verify(archive, "26.9.0", tmp_path, pins) == first
    with pytest.raises(EnvironmentMissingError, match="do not install it"):
        verify(make_archive(tmp_path / "swapped.tar.gz", FILES | {"more": ""}), "26.9.0", tmp_path, pins)


def test_unpacked_files_are_those_of_the_archive_and_a_second_time_too(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a.tar.gz")
    folder = unpack(archive, tmp_path, RELEASE)
    (folder / "stale").touch()
    (folder.with_name(f"{RELEASE}.unpacking")).mkdir()  # of a run that broke off
    assert unpack(archive, tmp_path, RELEASE) == folder == tmp_path / "self-hosted" / RELEASE
    found = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert found == FILES
    assert (folder / "install.sh").stat().st_mode & 0o777 == 0o755
    assert [each.name for each in folder.parent.iterdir()] == [RELEASE]


def hostile(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "/etc/passwd"
        tar.addfile(entry, io.BytesIO())
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/etc/cron.d/x", tarfile.REGTYPE),
        ("a/../../x", tarfile.REGTYPE),
        ("top-level", tarfile.REGTYPE),
        ("a/link", tarfile.SYMTYPE),
        ("a/hard", tarfile.LNKTYPE),
        ("a/pipe", tarfile.FIFOTYPE),
    ],
)
def test_an_archive_that_reaches_outside_is_refused_unread(tmp_path: Path, name: str, kind: bytes) -> None:
    archive = hostile(tmp_path / "a.tar.gz", name, kind)
    with pytest.raises(EnvironmentMissingError, match="which no release holds"):
        unpack(archive, tmp_path, RELEASE)
    assert not (tmp_path / "self-hosted" / RELEASE).exists()


@pytest.mark.parametrize("cut", [0, 10, 300])
def test_a_damaged_archive_is_named(tmp_path: Path, cut: int) -> None:
    archive = make_archive(tmp_path / "a.tar.gz")
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(EnvironmentMissingError, match=r"a\.tar\.gz: found"):
        unpack(archive, tmp_path, RELEASE)


def test_an_archive_without_an_installer_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissingError, match=r"found no install\.sh"):
        unpack(make_archive(tmp_path / "a.tar.gz", {"README.md": "hello"}), tmp_path, RELEASE)


class Server(ThreadingHTTPServer):
    """Serves one archive, whole or only its first half."""

    archive = b""
    breaks_off = False
    status = 200


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        server: Server

        def do_GET(self) -> None:
            body = self.server.archive
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.server.breaks_off else body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Be silent."""

    serving = Server(("127.0.0.1", 0), Handler)
    serving.archive = make_archive(tmp_path / "served.tar.gz").read_bytes()
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


def test_a_download_is_kept_and_not_repeated(tmp_path: Path, server: Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}/{{release}}.tar.gz"
    kept = fetch(tmp_path, RELEASE, None, url)
    assert kept.read_bytes() == server.archive
    assert fetch(tmp_path, RELEASE, None, "http://127.0.0.1:1/") == kept


@pytest.mark.parametrize("fault", ["breaks off", "not found", "nobody listens"])
def test_a_network_that_fails_leaves_nothing_and_says_how_to_go_on(tmp_path: Path, server: Server, fault: str) -> None:
    port = 1 if fault == "nobody listens" else server.server_port
    server.breaks_off, server.status = fault == "breaks off", 404 if fault == "not found" else 200
    with pytest.raises(EnvironmentMissingError, match="next: make sentry-install again, or fetch it elsewhere"):
        fetch(tmp_path, RELEASE, None, f"http://127.0.0.1:{port}/")
    assert list((tmp_path / "self-hosted" / "downloads").iterdir()) == []
    server.breaks_off, server.status = False, 200
    assert fetch(tmp_path, RELEASE, None, f"http://127.0.0.1:{server.server_port}/").exists()


def test_a_given_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissingError, match="SENTRY_TARBALL: found no file"):
        fetch(tmp_path, RELEASE, tmp_path / "nowhere.tar.gz")


def test_a_wrong_download_is_removed_so_that_the_next_run_fetches_it_again(
    tmp_path: Path, server: Server, pins: Path
) -> None:
    server.archive = make_archive(tmp_path / "wrong.tar.gz", FILES | {"more": ""}).read_bytes()
    kept = fetch(tmp_path, RELEASE, None, f"http://127.0.0.1:{server.server_port}/")
    with pytest.raises(EnvironmentMissingError, match="do not install it"):
        verify(kept, RELEASE, tmp_path, pins)
    assert not kept.exists()
