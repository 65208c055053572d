"""The names that rules may ask for, and what asks for them: queries, aggregates, filters, environments.

A name that nothing sends finds nothing, and looks like health for ever.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from monitors import inexpressible
from monitors.fields import read_choice
from monitors.model import Aggregate, parse_aggregate
from monitors.query import parse_query
from monitors.signals import ENVIRONMENTS, REGISTRY, Signal

# A context is shown on an event but not searched; an op is a value of `span.op`, not a key.
SEARCHABLE: Final = frozenset({"tag", "attribute", "measurement"})
TAG: Final = r"[A-Za-z0-9_.:-]{1,200}"  # Sentry's own limits of a tag's key

ENVIRONMENT: Final = r"[^\s/][^\n/]{0,63}"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is sent. Each reader raises ValueError saying what was found and allowed."""

    signals: Mapping[str, Signal]
    environments: tuple[str, ...]

    def read_environment(self, text: str) -> str:
        """Read an environment that the service runs in."""
        return read_choice(text, {each: each for each in self.environments})

    def read_aggregate(self, text: str) -> Aggregate:
        if remedy := inexpressible.remedy_for_aggregate(text):
            raise ValueError(f"{text!r}: {remedy}")
        wanted = parse_aggregate(text)
        if wanted.function == "count_unique" and wanted.argument:
            self.check_key(wanted.argument, wanted.argument.removeprefix("tags[").removesuffix("]"))
        return wanted

    def read_query(self, text: str) -> str:
        """Read a search query. Raises QueryError, a ValueError, for syntax that is not supported."""
        for term in parse_query(text).terms:
            self.check_key(term.key, term.name)
            for value in term.values if term.name == "environment" else ():
                if "*" not in value:
                    self.read_environment(value)
            if term.operator != "=" and self.signals[term.name].unit is None:
                raise ValueError(
                    f"{term.key!r} is no quantity, so {term.operator} says nothing; write {term.key}:value"
                )
            if term.name == "release" and "latest" in term.values:
                raise ValueError("Sentry refuses release:latest in a monitor; leave it out or name a release")
        return text

    def check_key(self, key: str, name: str) -> None:
        """Raises ValueError unless `name` is sent, and searched by Sentry; `key` is how it was written."""
        signal = self.signals.get(name)
        if signal is None:
            raise ValueError(f"key {key!r} is not registered in monitors/signals.py, {self._hint(name)}")
        if signal.kind == "op":
            raise ValueError(f"{key!r} is a span operation, write span.op:{name}")
        if signal.kind not in SEARCHABLE:
            raise ValueError(f"key {key!r} is a {signal.kind}, which Sentry does not search")

    def _hint(self, name: str) -> str:
        searchable = [each.name for each in self.signals.values() if each.kind in SEARCHABLE]
        if near := get_close_matches(name, searchable, n=1):
            return f"did you mean {near[0]!r}?"
        return f"allowed are {', '.join(sorted(searchable))}; name tags of your own under `signals: {{tags: [...]}}`"


def vocabulary_of(tags: Iterable[str], environments: Iterable[str]) -> Vocabulary:
    """Return our names with tags of another service added, and its environments in place of ours if it names any."""
    own = {tag: Signal(tag, "tag", None, "A tag that the rules' own service sends", "rules") for tag in tags}
    return Vocabulary(own | REGISTRY, tuple(environments) or ENVIRONMENTS)
