"""Print the part of the lock that one project or package needs: lock_part.py NAME <requirements.lock >part.lock

The lock is one for development and production. Its `# via` lines hold who needs whom, so an image can leave out the
linters without a second lock that would have to be kept in step. Standard library only: nothing is installed yet.
"""

import re
import sys
from collections import defaultdict

PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==")


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


def select(text: str, wanted: str) -> str:
    """Return the entries that `wanted` needs, itself included where it is one. Raises KeyError if nobody is."""
    entries = read_lock(text)
    needs: dict[str, set[str]] = defaultdict(set)
    for name, entry in entries.items():
        for line in entry.splitlines():
            if match := re.match(r"\s+#(?: via)?\s+(\S+)(?: \(pyproject\.toml(:\w+)?\))?$", line):
                needs[match[1] + (match[2] or "")].add(name)  # `project` needs it, or its group `project:dev` does
    found, pending = {wanted} & set(entries), {wanted}
    while pending:
        fresh = needs[pending.pop()] - found
        found |= fresh
        pending |= fresh
    if not found:
        raise KeyError(f"nothing in the lock is there for {wanted!r}")
    return "".join(entry for name, entry in entries.items() if name in found)


if __name__ == "__main__":
    sys.stdout.write(select(sys.stdin.read(), sys.argv[1]))
