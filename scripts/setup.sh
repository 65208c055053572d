#!/bin/sh
# Make the virtual environment from the lock: setup.sh PYTHON VENV. Safe to run again; a broken one is made anew.
set -eu
python=$1
venv=$2
log=var/setup.log

fail() { printf '%s\n' "$@" >&2; exit 3; }

command -v "$python" >/dev/null 2>&1 || fail "setup: no '$python' here; Python 3.11 or newer is needed (or: make PYTHON=/path/to/python3)"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "setup: found Python $version, needed 3.11 or newer (or: make PYTHON=/path/to/python3)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail \
    "setup: this Python has no venv module; on Debian and Ubuntu run: apt-get install python3-venv"

mkdir -p var
echo "setup: Python $version, installing the lock into $venv (under a minute; log: $log)" >&2
rm -f "$venv/.ready"
{
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
} >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "setup: the installation failed; the whole log is in $log. Is the package index reachable?"; }
touch "$venv/.ready"
