"""Print the part of the lock that something needs: lock_part.py NAME <requirements.lock >part.lock

NAME is a package, or `.` for the project of ./pyproject.toml, `.[extra]` with one of its extras. The lock is one for
development and production. Its `# via` lines hold who needs whom, so an image can leave out the linters, and the
service's the engine, without a second lock that would have to be kept in step. Standard library only: nothing is
installed yet.
"""

import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==")
OURSELVES = re.compile(r"\.(?:\[([a-z0-9]+)\])?")


def read_lock(text: str) -> dict[str, str]:
    """Name of each pinned package -> its lines, comments included, in the lock's order."""
    entries: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if match := PINNED.match(line):
            name = match[1]
        if name:
            entries[name] = entries.get(name, "") + line
    return entries


def find_roots(project: dict[str, Any], wanted: str) -> set[str]:
    """Packages to start from: those that the project, or an extra of it, asks for; else the wanted one itself.

    Raises KeyError for an extra that the project does not have.
    """
    ours = OURSELVES.fullmatch(wanted)
    if ours is None:
        return {wanted}
    needs = project["dependencies"] + (project["optional-dependencies"][ours[1]] if ours[1] else [])
    return {re.split(r"[^A-Za-z0-9._-]", need)[0].lower() for need in needs}


def select(text: str, roots: Iterable[str]) -> str:
    """Return the entries of these packages and of all that they need. Raises KeyError for one that is not there."""
    entries = read_lock(text)
    needs: dict[str, set[str]] = defaultdict(set)
    for name, entry in entries.items():
        for line in entry.splitlines():
            if match := re.match(r"\s+#(?: via)?\s+(\S+)$", line):
                needs[match[1]].add(name)
    found, pending = set[str](), set(roots)
    if unknown := pending - entries.keys():
        raise KeyError(f"not in the lock: {', '.join(sorted(unknown))}")
    while pending:
        name = pending.pop()
        found.add(name)
        pending |= needs[name] - found
    return "".join(entry for name, entry in entries.items() if name in found)


if __name__ == "__main__":
    declared = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    sys.stdout.write(select(sys.stdin.read(), find_roots(declared, sys.argv[1])))
