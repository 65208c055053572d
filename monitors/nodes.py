"""YAML text -> sections that are read key by key; every mistake is noted with its line, and reading goes on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

import yaml

from monitors.errors import Problem

T = TypeVar("T")
MAX_FILE_BYTES: Final = 1 << 18  # 256 KiB; a page of rules is 3 KiB
NO_REMEDIES: Final[Mapping[str, str]] = MappingProxyType({})
KINDS: Final = {"str": "text", "int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}


@dataclass(slots=True)
class Section:
    """One mapping of a file.

    A key that is missing or wrong is noted in `problems`, and its stand-in is returned so that the rest is read too.
    What is built from a section is therefore to be used only if no problem was added.
    """

    file: str
    line: int
    problems: list[Problem]  # shared by all sections of a load
    fields: dict[str, yaml.Node] = field(default_factory=dict)
    is_void: bool = False  # stands for what is no mapping, or not there: noted already, so no key of it is missed

    def note(self, message: str, line: int | None = None) -> None:
        """Record a mistake, by default on the section's own line."""
        self.problems.append(Problem(self.file, line or self.line, message))

    def line_of(self, key: str) -> int:
        """The line of a key's value, or of the section where the key is missing."""
        return _line(self.fields[key]) if key in self.fields else self.line

    def allow(self, *keys: str, remedies: Mapping[str, str] = NO_REMEDIES) -> None:
        """Note every key that is not one of `keys`, with its remedy if it has one, else with the nearest key."""
        for key, node in self.fields.items():
            if key in remedies:
                self.note(f"{key}: {remedies[key]}", _line(node))
            elif key not in keys:
                near = get_close_matches(key, keys, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"allowed are {', '.join(keys)}"
                self.note(f"unknown key {key!r}, {hint}", _line(node))

    def read(self, key: str, parse: Callable[[str], T], stand_in: T, *, is_required: bool = True) -> T:
        """Return a key's plain value as `parse` understands it; what `parse` says in its ValueError is noted."""
        node = self._find(key, is_required=is_required)
        found = () if node is None else self._parse(key, node, parse)
        return found[0] if found else stand_in

    def read_all(self, key: str, parse: Callable[[str], T], *, is_required: bool = True) -> tuple[T, ...]:
        """Return a list's values as `parse` understands them, without those that it does not and without repeats."""
        found: list[T] = []
        for node in self._items(key, is_required=is_required):
            for value in self._parse(key, node, parse):
                if value in found:
                    self.note(f"{key} lists {_shown(node)} twice", _line(node))
                else:
                    found.append(value)
        return tuple(found)

    def text(self, key: str, max_chars: int, *, is_required: bool = True) -> str:
        """Return a key's text; unlike `read`, a number or a boolean does not do. Missing and optional: empty."""
        node = self._find(key, is_required=is_required)
        if node is None:
            return ""
        if _kind(node) != "str" or not 0 < len(_value(node)) <= max_chars:
            self.note(f"{key} is {_shown(node)}, allowed is text of 1 to {max_chars} characters", _line(node))
        return _value(node)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return an optional true or false."""
        node = self._find(key, is_required=False)
        if node is not None and _kind(node) != "bool":
            self.note(f"{key} is {_shown(node)}, allowed are true and false", _line(node))
        return default if node is None else _value(node).lower() in ("true", "yes", "on")

    def section(self, key: str) -> "Section":
        """Return the mapping under a key; an empty one where it is missing or none."""
        node = self._find(key, is_required=True)
        return self._inside(key, node) if node else Section(self.file, self.line, self.problems, is_void=True)

    def sections(self, key: str, *, is_required: bool = True, may_be_empty: bool = False) -> tuple["Section", ...]:
        """Return the mappings of a list."""
        nodes = self._items(key, is_required=is_required, may_be_empty=may_be_empty)
        return tuple(self._inside(key, node) for node in nodes)

    def _find(self, key: str, *, is_required: bool) -> yaml.Node | None:
        if key not in self.fields and is_required and not self.is_void:
            self.note(f"key {key!r} is missing")
        return self.fields.get(key)

    def _items(self, key: str, *, is_required: bool, may_be_empty: bool = False) -> Iterable[yaml.Node]:
        node = self._find(key, is_required=is_required)
        if node is None:
            return ()
        if isinstance(node, yaml.SequenceNode) and (node.value or may_be_empty):
            return tuple(node.value)
        allowed = "a list, [] if there is none" if may_be_empty else "a list of at least one"
        self.note(f"{key} is {_shown(node)}, allowed is {allowed}", _line(node))
        return ()

    def _parse(self, key: str, node: yaml.Node, parse: Callable[[str], T]) -> tuple[T, ...]:
        if not isinstance(node, yaml.ScalarNode) or _kind(node) == "null":
            self.note(f"{key} is {_shown(node)}, allowed is one value", _line(node))
            return ()
        try:
            return (parse(_value(node)),)
        except ValueError as error:
            self.note(f"{key}: {error}", _line(node))
            return ()

    def _inside(self, what: str, node: yaml.Node) -> "Section":
        section = Section(self.file, _line(node), self.problems)
        section.fill(what, node)
        return section

    def fill(self, what: str, node: yaml.Node) -> None:
        """Take the keys of a mapping; note keys that are there twice, of which YAML would silently keep the last."""
        if not isinstance(node, yaml.MappingNode):
            self.is_void = True
            self.note(f"{what} is {_shown(node)}, allowed is a mapping of keys", _line(node))
            return
        for key_node, value_node in node.value:
            key = _value(key_node)
            if key in self.fields:
                self.note(f"key {key!r} is here twice, first in line {self.line_of(key)}", _line(key_node))
            self.fields.setdefault(key, value_node)


def open_file(path: Path, problems: list[Problem]) -> Section:
    """Return a file's top mapping; an empty one if the file is too large or no YAML, which is then noted."""
    if (size_bytes := path.stat().st_size) > MAX_FILE_BYTES:
        problems.append(Problem(show_path(path), 1, f"{size_bytes} bytes, allowed are {MAX_FILE_BYTES}"))
        return Section(show_path(path), 1, problems, is_void=True)
    return open_section(path.read_text(encoding="utf-8", errors="replace"), show_path(path), problems)


def show_path(path: Path) -> str:
    """The path as a reader in the project writes it; outside of the working directory as it was given."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def open_section(text: str, file: str, problems: list[Problem]) -> Section:
    """Return a file's top mapping; an empty one if the text is no YAML, which is then noted."""
    section = Section(file, 1, problems)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        section.note(f"no YAML: {reason}", mark.line + 1 if mark else 1)
        section.is_void = True
        return section
    if node is None:
        section.note("the file is empty")
        section.is_void = True
    else:
        section.fill("the file", node)
    return section


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: yaml.Node) -> str:
    return str(node.tag).rpartition(":")[2]


def _value(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else _shown(node)


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        kind = _kind(node)
        return "nothing" if kind == "null" else f"{KINDS.get(kind, kind)} ({node.value!r})"
    if isinstance(node, yaml.SequenceNode):
        return "a list" if node.value else "an empty list"
    return "a mapping"
