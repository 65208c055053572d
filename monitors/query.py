"""Sentry's search syntax, the part that monitors need: text -> terms that must all hold.

Read: `key:value`, `!key:value`, `key:[a, b]`, `!key:[a, b]`, quoted values, dotted keys and `tags[name]`; wildcards,
`key:a*`, where letter case does not count; comparisons, `key:>=5`, with a unit of time if the key is a duration, `>2s`.
Refused, with the column: wildcards within lists, free text, OR and AND, parentheses, `has:`.
Source: https://docs.sentry.io/concepts/search/ (query syntax), read 2026-11.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from lark import Lark, Token, Transformer, UnexpectedInput

from monitors.errors import QueryError

__all__ = ["COMPARISONS", "Operator", "Query", "QueryError", "Term", "matches", "parse_query"]

MAX_QUERY_CHARS: Final = 4096  # a rule is a sentence; more than this is a mistake or an attack

# Whitespace is a token because it separates terms: `a:1b:2` is one term with the value `1b:2`.
GRAMMAR: Final = r"""
    start: _WS? (term (_WS term)*)? _WS?
    term: [NOT] key _COLON (value | values | comparison)
    key: NAME | TAGS
    values: _OPEN _WS? item (_WS? "," _WS? item)* _WS? _CLOSE
    value: QUOTED | BARE
    item: PLAIN | ITEM
    comparison: COMPARE NUMBER

    NOT: "!"
    _COLON: ":"
    _OPEN: "["
    _CLOSE: "]"
    NAME: /[A-Za-z0-9_][A-Za-z0-9_.\-]*/
    TAGS.2: /tags\[[A-Za-z0-9_.:\-]+\]/
    PLAIN: /"([^"*\\]|[\\]"|[\\](?![*"]))*"/
    QUOTED: /"([^"\\]|[\\]"|[\\](?![*"]))*"/
    COMPARE.2: /[<>]=?/
    NUMBER: /-?[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?(?=\s|$)/
    BARE: /(?![\[\]<>=!])([^\s"()\\]|[\\](?!\*))+/
    ITEM: /[^\s"()\[\],*<>=!][^\s"()\[\],*]*/
    _WS: /\s+/
"""
# What a reader of Sentry's documentation may try, by the character at which the grammar stops.
UNSUPPORTED: Final = {
    "=": "the operator = is",
    "*": "wildcards within a list are",
    "\\": "an asterisk that is meant as one is",
    "(": "parentheses are",
    ")": "parentheses are",
}
BOOLEANS: Final = frozenset({"OR", "AND"})
Operator = Literal["=", ">", ">=", "<", "<="]
COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
# Durations are compared in milliseconds; a number without a unit is taken as it is.
UNITS_MS: Final = {"": 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: the attribute is one of `values`, or compares so with the one value; `negated` turns it round."""

    key: str  # as written, so possibly `tags[name]`
    values: tuple[str, ...]  # at least one, unquoted; a `*` in one stands for any text
    negated: bool
    operator: Operator = "="

    @property
    def name(self) -> str:
        """The attribute's plain name: `name` for `tags[name]`."""
        return self.key.removeprefix("tags[").removesuffix("]")

    @property
    def number(self) -> float:
        """What a comparison compares with, durations in ms."""
        match = re.fullmatch(r"(-?[0-9.]+)([a-z]*)", self.values[0])
        if match is None:
            raise ValueError(f"{self.key} is compared with {self.values[0]!r}, which is no number")
        return float(match[1]) * UNITS_MS[match[2]]


@dataclass(frozen=True, slots=True)
class Query:
    """Terms that must all hold; without any, everything matches."""

    terms: tuple[Term, ...]


class _Build(Transformer[Token, Query]):
    """Parse tree -> records."""

    def key(self, children: list[Token]) -> str:
        return str(children[0])

    def value(self, children: list[Token]) -> tuple[Operator, tuple[str, ...]]:
        return "=", (_unquote(children[0]),)

    def item(self, children: list[Token]) -> str:
        return _unquote(children[0])

    def values(self, children: list[str]) -> tuple[Operator, tuple[str, ...]]:
        return "=", tuple(children)

    def comparison(self, children: list[Token]) -> tuple[Operator, tuple[str, ...]]:
        sign: Operator = str(children[0])  # type: ignore[assignment]  # the grammar lets only these four through
        return sign, (str(children[1]),)

    def term(self, children: tuple[Token | None, str, tuple[Operator, tuple[str, ...]]]) -> Term:
        negation, key, (sign, values) = children
        return Term(key, values, negated=negation is not None, operator=sign)

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
    """Say whether attributes, by plain name, satisfy the query; letter case counts, except in wildcards.

    A missing attribute equals the empty value, so `key:""` finds those without it and `!key:a` includes them. What is
    missing or no number satisfies no comparison.
    """
    if isinstance(query, Query):
        return all(matches(term, attributes) for term in query.terms)
    return _holds(query, attributes.get(query.name, "")) is not query.negated


def _holds(term: Term, found: str) -> bool:
    if term.operator == "=":
        return any(_equals(value, found) for value in term.values)
    try:
        return COMPARISONS[term.operator](float(found), term.number)
    except ValueError:
        return False


def _equals(value: str, found: str) -> bool:
    if "*" not in value:
        return value == found
    return re.fullmatch(".*".join(map(re.escape, value.split("*"))), found, re.IGNORECASE | re.DOTALL) is not None


def _unquote(token: Token) -> str:
    return token[1:-1].replace('\\"', '"') if token.type in ("QUOTED", "PLAIN") else str(token)


def _explain(text: str, position: int | None) -> QueryError:
    """Say in the reader's words what the grammar stumbled over; None or -1 as position means the end of the text."""
    at = len(text) if position is None or position < 0 else position
    start = max((space.end() for space in re.finditer(r"\s", text[:at])), default=0)
    word = text[start:].split(maxsplit=1)[0] if text[start:].strip() else ""
    found = text[at : at + 1]
    if word in BOOLEANS:
        return QueryError(f"{word} is not supported yet: terms are joined by a space, and all must hold", start)
    if found == '"' and (star := re.match(r'"[^"*]*?(\\?)\*', text[at:])):
        what = "an asterisk that is meant as one is" if star[1] else "wildcards within a list are"
        return QueryError(f"{what} not supported yet, not even in quotes", at + star.end() - 1)
    if text[:at].endswith((">", "<", ">=", "<=")):
        return QueryError("expected a number after the comparison, such as 5, 0.5 or 2s", at)
    if found in UNSUPPORTED:
        return QueryError(f"{UNSUPPORTED[found]} not supported yet, found {word!r}", at)
    if word and not set(word) & set(':[]"'):
        return QueryError(f"free text is not supported yet, found {word!r}: write key:value", start)
    return QueryError(f'expected key:value, !key:value, key:[a, b] or key:"a b", found {word or "the end"!r}', at)
