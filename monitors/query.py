"""Sentry's search syntax, the part that monitors need: text -> terms that must all hold.

Read: `key:value`, `!key:value`, `key:[a, b]`, `!key:[a, b]`, quoted values, dotted keys and `tags[name]`.
Refused, with the column: comparisons, wildcards, free text, OR and AND, parentheses, `has:`.
Source: https://docs.sentry.io/concepts/search/ (query syntax), read 2026-11.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lark import Lark, Token, Transformer, UnexpectedInput

from monitors.errors import QueryError

__all__ = ["Query", "QueryError", "Term", "matches", "parse_query"]

MAX_QUERY_CHARS: Final = 4096  # a rule is a sentence; more than this is a mistake or an attack

# Whitespace is a token because it separates terms: `a:1b:2` is one term with the value `1b:2`.
GRAMMAR: Final = r"""
    start: _WS? (term (_WS term)*)? _WS?
    term: [NOT] key _COLON (value | values)
    key: NAME | TAGS
    values: _OPEN _WS? item (_WS? "," _WS? item)* _WS? _CLOSE
    value: QUOTED | BARE
    item: QUOTED | ITEM

    NOT: "!"
    _COLON: ":"
    _OPEN: "["
    _CLOSE: "]"
    NAME: /[A-Za-z0-9_][A-Za-z0-9_.\-]*/
    TAGS.2: /tags\[[A-Za-z0-9_.:\-]+\]/
    QUOTED: /"([^"*\\]|[\\]"|[\\](?!"))*"/
    BARE: /[^\s"()\[\]*<>=!][^\s"()*]*/
    ITEM: /[^\s"()\[\],*<>=!][^\s"()\[\],*]*/
    _WS: /\s+/
"""
# What a reader of Sentry's documentation may try, by the character at which the grammar stops.
UNSUPPORTED: Final = {
    "<": "comparison operators are",
    ">": "comparison operators are",
    "=": "comparison operators are",
    "*": "wildcards are",
    "(": "parentheses are",
    ")": "parentheses are",
}
BOOLEANS: Final = frozenset({"OR", "AND"})


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. Holds if the attribute is one of `values`; with `negated`, if it is none of them."""

    key: str  # as written, so possibly `tags[name]`
    values: tuple[str, ...]  # at least one, unquoted
    negated: bool

    @property
    def name(self) -> str:
        """The attribute's plain name: `name` for `tags[name]`."""
        return self.key.removeprefix("tags[").removesuffix("]")


@dataclass(frozen=True, slots=True)
class Query:
    """Terms that must all hold; without any, everything matches."""

    terms: tuple[Term, ...]


class _Build(Transformer[Token, Query]):
    """Parse tree -> records."""

    def key(self, children: list[Token]) -> str:
        return str(children[0])

    def value(self, children: list[Token]) -> tuple[str, ...]:
        return (_unquote(children[0]),)

    def item(self, children: list[Token]) -> str:
        return _unquote(children[0])

    def values(self, children: list[str]) -> tuple[str, ...]:
        return tuple(children)

    def term(self, children: tuple[Token | None, str, tuple[str, ...]]) -> Term:
        negation, key, values = children
        return Term(key, values, negated=negation is not None)

    def start(self, children: list[Term]) -> Query:
        return Query(tuple(children))


_PARSER: Final = Lark(GRAMMAR, parser="lalr", maybe_placeholders=True, transformer=_Build())


@lru_cache(maxsize=256)  # the engine asks for the same few queries at every tick
def parse_query(text: str) -> Query:
    """Return the query's terms in their order; an empty text has none.

    `is:` is read like any key: who holds issues gives it its meaning. Raises QueryError for all that is not supported.
    """
    if len(text) > MAX_QUERY_CHARS:
        raise QueryError(f"{len(text)} characters, allowed are {MAX_QUERY_CHARS}", MAX_QUERY_CHARS)
    try:
        query: Query = _PARSER.parse(text)  # type: ignore[assignment]  # lark types the tree, not what is built of it
    except UnexpectedInput as error:
        raise _explain(text, error.pos_in_stream) from None
    if has := re.search(r"(?:^|\s)!?(has:)", text) if any(term.key == "has" for term in query.terms) else None:
        raise QueryError("`has:` is not supported yet", has.start(1))
    return query


def matches(query: Query | Term, attributes: Mapping[str, str]) -> bool:
    """Say whether attributes, by plain name, satisfy the query; letter case counts.

    A missing attribute equals the empty value, so `key:""` finds those without it and `!key:a` includes them.
    """
    if isinstance(query, Query):
        return all(matches(term, attributes) for term in query.terms)
    return (attributes.get(query.name, "") in query.values) is not query.negated


def _unquote(token: Token) -> str:
    return token[1:-1].replace('\\"', '"') if token.type == "QUOTED" else str(token)


def _explain(text: str, position: int | None) -> QueryError:
    """Say in the reader's words what the grammar stumbled over; None or -1 as position means the end of the text."""
    at = len(text) if position is None or position < 0 else position
    start = max((space.end() for space in re.finditer(r"\s", text[:at])), default=0)
    word = text[start:].split(maxsplit=1)[0] if text[start:].strip() else ""
    found = text[at : at + 1]
    if word in BOOLEANS:
        return QueryError(f"{word} is not supported yet: terms are joined by a space, and all must hold", start)
    if found == '"' and (star := re.match(r'"[^"*]*\*', text[at:])):
        return QueryError("wildcards are not supported yet, not even in quotes", at + star.end() - 1)
    if found in UNSUPPORTED:
        return QueryError(f"{UNSUPPORTED[found]} not supported yet, found {word!r}", at)
    if word and not set(word) & set(':[]"'):
        return QueryError(f"free text is not supported yet, found {word!r}: write key:value", start)
    return QueryError(f'expected key:value, !key:value, key:[a, b] or key:"a b", found {word or "the end"!r}', at)
