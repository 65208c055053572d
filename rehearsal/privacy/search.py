"""Where a secret turned up: bytes and secrets in, the names of fields out. Pure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rehearsal.privacy.secret import Secret, encodings


@dataclass(frozen=True, slots=True)
class Document:
    """Some bytes that a person could read, and what they are."""

    name: str  # for example `event item`
    content: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A secret that was found where it must not be."""

    secret: Secret
    encoding: str
    field: str  # for example `event item: request.headers.cookie`

    def __str__(self) -> str:
        return f"{self.field} holds the {self.secret.kind} from {self.secret.where} ({self.encoding})"


class Search:
    """Looks for the secrets of one run in every encoding."""

    def __init__(self, mark: str, secrets: Iterable[Secret]) -> None:
        self._needles = [(each, encodings(each.core)) for each in secrets]
        # One look for the mark finds all words at once; numbers do not hold it.
        numbers = [needles for secret, needles in self._needles if mark not in secret.core]
        self._first = {needle for needles in (encodings(mark), *numbers) for needle in needles.values()}

    def is_clean(self, content: bytes) -> bool:
        """Tell if none of the secrets is in it."""
        lower = content.lower()
        return not any(needle in lower for needle in self._first)

    def find(self, document: Document) -> Iterator[Hit]:
        """Yield each secret that the document holds, field by field where it is JSON."""
        if self.is_clean(document.content):
            return
        found = list(self._look(document.name, document.content))
        fields = [hit for name, content in _fields(document) for hit in self._look(name, content)]
        named = {hit.secret for hit in fields}
        yield from fields
        yield from (hit for hit in found if hit.secret not in named)  # across fields, or in what is no JSON

    def _look(self, name: str, content: bytes) -> Iterator[Hit]:
        lower = content.lower()
        for secret, needles in self._needles:
            encoding = next((each for each, needle in needles.items() if needle in lower), None)
            if encoding is not None:
                yield Hit(secret, encoding, name)


def _fields(document: Document) -> Iterator[tuple[str, bytes]]:
    """The keys and values of a JSON document, each with its path."""
    try:
        waiting: list[tuple[str, Any]] = [("", json.loads(document.content))]
    except (ValueError, RecursionError):
        return
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{path}.{key}" if path else key, inner) for key, inner in value.items()]
            yield from ((f"{document.name}: a key of {path or 'the whole'}", key.encode()) for key in value)
        elif isinstance(value, list):
            waiting += [(f"{path}[{index}]", inner) for index, inner in enumerate(value)]
        else:
            yield f"{document.name}: {path}", str(value).encode("utf-8", "surrogatepass")
