"""An archive with the layout of a release, made for tests, with an installer that records instead of installing."""

import io
import tarfile
from pathlib import Path

RELEASE = "26.8.0"
# Writes down how it was called and with what environment; fails as long as there is a file `fail` beside the release.
INSTALLER = """#!/usr/bin/env bash
set -euo pipefail
printf '%s\\n' "$@" >installer-arguments
env | sort >installer-environment
. ./.env.custom
echo "installing $COMPOSE_PROFILES"
if [ -e ../fail ]; then echo "FAIL: no registry" && exit 1; fi
sed -i "s/!!changeme!!/made-by-the-installer/" sentry/config.yml
"""
CONF = """from sentry.conf.server import *  # NOQA

SENTRY_SINGLE_ORGANIZATION = True
"""
FILES = {
    "install.sh": INSTALLER,
    ".env": "COMPOSE_PROJECT_NAME=sentry-self-hosted\nCOMPOSE_PROFILES=feature-complete\n",
    "docker-compose.yml": "services: {web: {image: sentry}, clickhouse: {image: clickhouse}}\n",
    "sentry/sentry.conf.example.py": CONF,
    "sentry/config.example.yml": "mail.host: 'smtp'\nsystem.secret-key: '!!changeme!!'\n",
    "install/wrap-up.sh": "echo done\n",
}


def make_archive(path: Path, files: dict[str, str] | None = None, *, compression: int = 9) -> Path:
    """Write the archive; the same files give the same contents, whatever the compression."""
    with tarfile.open(path, "w:gz", compresslevel=compression) as tar:
        folder = tarfile.TarInfo("self-hosted-26.8.0")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, text in (FILES if files is None else files).items():
            data = text.encode()
            entry = tarfile.TarInfo(f"self-hosted-26.8.0/{name}")
            entry.size, entry.mode = len(data), 0o775 if name.endswith(".sh") else 0o664
            tar.addfile(entry, io.BytesIO(data))
    return path
