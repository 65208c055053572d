"""Upstream's release: which one, fetched or taken from a file, proven by its contents, unpacked.

The archive that GitHub makes of a tag may be compressed anew at any time, so its own checksum proves nothing. What is
pinned is the digest of what is in it: of each file its path, whether it may be executed, and its SHA-256.
Source: https://github.blog/changelog/2023-01-30-git-archive-checksums-may-change/
"""

import hashlib
import re
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import httpx

from rehearsal.errors import EnvironmentMissingError
from rehearsal.self_hosted.state import checkout, home
from rehearsal.settings import ROOT

FOLDER: Final = ROOT / "sentry-self-hosted"
URL: Final = "https://github.com/getsentry/self-hosted/archive/refs/tags/{release}.tar.gz"
RELEASE: Final = re.compile(r"\d\d\.\d{1,2}\.\d+")
TIMEOUT_S: Final = 30.0
MAX_ARCHIVE_BYTES: Final = 20 * 1024 * 1024  # 26.8.0 has 0.6 MB
MAX_FILE_BYTES: Final = 20 * 1024 * 1024
MAX_FILES: Final = 5_000  # 26.8.0 has 140
INSTALLER: Final = "install.sh"
AGAIN: Final = "next: remove it, then make sentry-install from another network, or with SENTRY_TARBALL=<file>"


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds."""

    digest: str  # SHA-256 over all files
    is_pinned: bool  # the project itself vouches for this digest; else it was pinned by the first use here


def read_release(folder: Path = FOLDER) -> str:
    """The release that this project is written for. Raises EnvironmentMissingError if VERSION holds no release."""
    found = (folder / "VERSION").read_text(encoding="ascii").strip()
    if not RELEASE.fullmatch(found):
        raise EnvironmentMissingError(f"{folder / 'VERSION'}: found {found!r}, needed is a release such as 26.8.0")
    return found


def fetch(var: Path, release: str, tarball: Path | None, url: str = URL) -> Path:
    """Return the archive: the given file, the one of an earlier run, or a fresh download.

    Raises EnvironmentMissingError when it cannot be had; then nothing that looks like one is left.
    """
    if tarball is not None:
        if not tarball.is_file():
            raise EnvironmentMissingError(
                f"SENTRY_TARBALL: found no file {tarball}, needed is the archive of {release}; next: get"
                f" {url.format(release=release)} elsewhere, then make sentry-install SENTRY_TARBALL=<file>"
            )
        return tarball
    kept = home(var) / "downloads" / f"{release}.tar.gz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        _download(url.format(release=release), kept)
    return kept


def verify(archive: Path, release: str, var: Path, folder: Path = FOLDER) -> Contents:
    """Prove that the archive holds the release. A release that nobody has pinned is pinned now, in `var`.

    Raises EnvironmentMissingError when it holds something else; a downloaded one is then removed.
    """
    digest = digest_contents(archive)
    own, local = folder / "CHECKSUMS", home(var) / "CHECKSUMS"
    for file, is_pinned in ((own, True), (local, False)):
        expected = read_pins(file).get(release)
        if expected == digest:
            return Contents(digest, is_pinned)
        if expected:
            _refuse(archive, var, f"found contents {digest}, needed are {expected} ({file})")
    local.parent.mkdir(parents=True, exist_ok=True)
    with local.open("a", encoding="ascii") as pins:
        pins.write(f"{release} {digest}\n")
    return Contents(digest, is_pinned=False)


def read_pins(file: Path) -> dict[str, str]:
    """Release -> digest of its contents, out of lines of both; `#` begins a comment."""
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    rows = [line.partition("#")[0].split() for line in lines]
    return {row[0]: row[1] for row in rows if len(row) == 2}


def digest_contents(archive: Path) -> str:
    """SHA-256 over one line per file, sorted by path: mode (644 or 755), SHA-256, path below the archive's folder.

    Raises EnvironmentMissingError for a damaged archive, and for one with anything but plain files in one folder.
    """
    digest = hashlib.sha256()
    for line in sorted(f"{mode:o} {hashlib.sha256(data).hexdigest()} {path}\n" for path, mode, data in _files(archive)):
        digest.update(line.encode())
    return digest.hexdigest()


def unpack(archive: Path, var: Path, release: str) -> Path:
    """Unpack a verified archive and return its folder; one that an earlier run made is replaced whole."""
    target = checkout(var, release)
    fresh = target.with_name(f"{release}.unpacking")
    shutil.rmtree(fresh, ignore_errors=True)
    for path, mode, data in _files(archive):
        file = fresh / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(mode)
    if not (fresh / INSTALLER).is_file():
        raise EnvironmentMissingError(
            f"{archive}: found no {INSTALLER}, needed is a release of self-hosted Sentry; {AGAIN}"
        )
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def _files(archive: Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield (path below the archive's one folder, mode, contents); nothing is written."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for number, member in enumerate(tar):
                if member.isdir():
                    continue
                path = PurePosixPath(member.name)
                is_plain = member.isreg() and not path.is_absolute() and ".." not in path.parts and len(path.parts) > 1
                if not is_plain or member.size > MAX_FILE_BYTES or number > MAX_FILES:
                    raise EnvironmentMissingError(f"{archive}: found {member.name!r}, which no release holds; {AGAIN}")
                file = tar.extractfile(member)
                data = file.read() if file else b""  # a plain file, so there is one
                yield str(PurePosixPath(*path.parts[1:])), 0o755 if member.mode & 0o100 else 0o644, data
    except (tarfile.TarError, EOFError, OSError) as error:
        raise EnvironmentMissingError(
            f"{archive}: found no whole archive ({error}), needed is the release's; {AGAIN}"
        ) from None


def _download(url: str, target: Path) -> None:
    part = target.with_suffix(".part")
    size = 0
    try:
        with (
            httpx.stream("GET", url, follow_redirects=True, timeout=TIMEOUT_S) as answer,
            part.open("wb") as file,
        ):
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                size += len(piece)
                if size > MAX_ARCHIVE_BYTES:
                    raise EnvironmentMissingError(
                        f"{url}: found more than {MAX_ARCHIVE_BYTES} bytes, no release is so large; {AGAIN}"
                    )
                file.write(piece)
        part.replace(target)
    except httpx.HTTPError as error:
        raise EnvironmentMissingError(
            f"{url}: found {type(error).__name__} ({error}) after {size} bytes, needed is the whole archive;"
            " next: make sentry-install again, or fetch it elsewhere: make sentry-install SENTRY_TARBALL=<file>"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _refuse(archive: Path, var: Path, reason: str) -> None:
    if archive.is_relative_to(home(var)):
        archive.unlink()
    raise EnvironmentMissingError(f"{archive}: {reason}; do not install it; {AGAIN}")
