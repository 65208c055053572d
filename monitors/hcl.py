"""Python values -> HCL, the language of Terraform files: blocks, attributes, objects, lists, text, numbers, references.

Source: https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md (structural and expression syntax), read 2026-11.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

INDENT: Final = "  "
IDENTIFIER: Final = r"[A-Za-z_][A-Za-z0-9_-]*"
ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Reference:
    """An expression that is written as it is, `var.project`."""

    text: str


Value = None | bool | int | float | str | Reference | Mapping[str, "Value"] | Sequence["Value"]


@dataclass(frozen=True, slots=True)
class Block:
    """`kind "label" "label" { ... }`, with blocks of its own after its attributes, and comment lines before it."""

    kind: str
    labels: tuple[str, ...]
    attributes: Mapping[str, Value]
    blocks: tuple["Block", ...] = ()
    comments: tuple[str, ...] = ()


def write_hcl(blocks: Sequence[Block]) -> str:
    """Return the blocks as the text of a file."""
    return "\n".join("".join(f"{line}\n" for line in _lines(block)) for block in blocks)


def quote(text: str) -> str:
    """Return text in quotes that means itself: nothing of it is a template."""
    escaped = "".join(ESCAPES.get(each, each if each.isprintable() else _unicode(each)) for each in text)
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'


def label_of(name: str) -> str:
    """Return a name as an identifier: letters, digits and underscores, a letter first."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if re.match(r"[a-z]", plain) else f"rule_{plain}".rstrip("_")


def _lines(block: Block) -> list[str]:
    head = " ".join([block.kind, *map(quote, block.labels)])
    inside = _pairs(block.attributes)
    inside += [line for each in block.blocks for line in _lines(each)]
    comments = [f"# {part}".rstrip() for each in block.comments for part in each.splitlines()]
    return [*comments, f"{head} {{", *_indented("\n".join(inside)), "}"]


def _value(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return quote(value)
        case Reference(text):
            return text
        case Mapping():
            return _enclosed("{", _pairs(value), "}")
        case _:
            return _enclosed("[", [f"{_value(each)}," for each in value], "]")


def _pairs(values: Mapping[str, Value]) -> list[str]:
    """`key = value` for each, aligned as `terraform fmt` does: neighbours of one line each."""
    written = [(_key(key), _value(value)) for key, value in values.items()]
    found: list[str] = []
    for is_long, group in groupby(written, key=lambda pair: "\n" in pair[1]):
        pairs = list(group)
        width = 0 if is_long else max(len(key) for key, _ in pairs)
        found += [f"{key:<{width}} = {value}" for key, value in pairs]
    return found


def _enclosed(begin: str, items: list[str], end: str) -> str:
    return "\n".join([begin, *_indented("\n".join(items)), end]) if items else begin + end


def _indented(text: str) -> list[str]:
    return [f"{INDENT}{line}" for line in text.splitlines()]


def _key(key: str) -> str:
    return key if re.fullmatch(IDENTIFIER, key) else quote(key)


def _unicode(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
