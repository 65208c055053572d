"""The name of this build: `isl@<version>+<sha>`, the same in Sentry, in /ready and in a deploy log."""

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

DISTRIBUTION: Final = "sentry-rehearsal"
FALLBACK_VERSION: Final = "0.0.0"  # running from a bare source tree that was never installed
SHA_LENGTH: Final = 12  # enough to be unique in any repository, short enough to read
GIT_TIMEOUT_S: Final = 2.0  # git on a dead network mount must not hold up the start


def build_release(git_sha: str | None) -> str:
    """Compose the release; the part after `+` is left out where no commit is known."""
    sha = git_sha or read_git_sha(Path(__file__).parent.parent)
    return f"isl@{read_version()}+{sha[:SHA_LENGTH]}" if sha else f"isl@{read_version()}"


def read_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return FALLBACK_VERSION


def read_git_sha(root: Path) -> str | None:
    """Return the checked-out commit of the repository at exactly `root`, or None.

    A repository further up is not asked: it may be someone else's, with this package in its virtual environment.
    """
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
