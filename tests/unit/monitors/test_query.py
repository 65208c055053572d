"""The search syntax: what is read, what is refused and where, and what matches."""

import pytest

from monitors.query import Query, QueryError, Term, matches, parse_query


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        (" \n ", ()),
        ("a:b", (Term("a", ("b",), negated=False),)),
        (
            " a:b  !c.d:x\ne:1 ",
            (Term("a", ("b",), negated=False), Term("c.d", ("x",), negated=True), Term("e", ("1",), negated=False)),
        ),
        ("a:[x, y,z]", (Term("a", ("x", "y", "z"), negated=False),)),
        ('!a:["x, y", z]', (Term("a", ("x, y", "z"), negated=True),)),
        ('a:"b c"', (Term("a", ("b c",), negated=False),)),
        ('a:"say \\"hi\\""', (Term("a", ('say "hi"',), negated=False),)),
        ('a:""', (Term("a", ("",), negated=False),)),
        ("tags[my:tag]:b", (Term("tags[my:tag]", ("b",), negated=False),)),
        ("transaction:/api/{id}", (Term("transaction", ("/api/{id}",), negated=False),)),
        ("release:isl@1.2+ab:3", (Term("release", ("isl@1.2+ab:3",), negated=False),)),
        ("a:OR", (Term("a", ("OR",), negated=False),)),
        ("is:unresolved", (Term("is", ("unresolved",), negated=False),)),
        ("path:C:\\x", (Term("path", ("C:\\x",), negated=False),)),
        ("a:foo*", (Term("a", ("foo*",), negated=False),)),
        ('!a:"fo o*"', (Term("a", ("fo o*",), negated=True),)),
        ("d:>5", (Term("d", ("5",), negated=False, operator=">"),)),
        ("!d:<=-2.5s e:x", (Term("d", ("-2.5s",), negated=True, operator="<="), Term("e", ("x",), negated=False))),
    ],
)
def test_parse_query_reads(text: str, terms: tuple[Term, ...]) -> None:
    assert parse_query(text) == Query(terms)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("a:>b", 3, "expected a number after the comparison"),
        ("a:>=5x", 4, "expected a number after the comparison"),
        ("a:=5", 2, "the operator = is not supported yet"),
        ("a:b\\*", 3, "an asterisk that is meant as one is not supported yet"),
        ('a:"b\\*"', 5, "an asterisk that is meant as one is not supported yet, not even in quotes"),
        ("a:[*]", 3, "wildcards within a list are not supported yet"),
        ('a:["x*"]', 5, "wildcards within a list are not supported yet, not even in quotes"),
        ("a:b OR c:d", 4, "OR is not supported yet"),
        ("a:b AND c:d", 4, "AND is not supported yet"),
        ("(a:b)", 0, "parentheses are not supported yet"),
        ("a:b c:d)", 7, "parentheses are not supported yet"),
        ("hello a:b", 0, "free text is not supported yet, found 'hello'"),
        ("a:b hello", 4, "free text is not supported yet, found 'hello'"),
        ("a:b has:c", 4, "`has:` is not supported yet"),
        ("a:", 1, "expected key:value"),
        ("a:[]", 3, "expected key:value"),
        ("a:[b", 3, "expected key:value"),
        ('a:"b', 2, "expected key:value"),
        ('a:"b"c', 5, "expected key:value"),
        ("!!a:b", 1, "expected key:value"),
        (":b", 0, "expected key:value"),
    ],
)
def test_parse_query_refuses_and_says_where(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert caught.value.position == position
    assert caught.value.message.startswith(message)
    assert str(caught.value).startswith(f"column {position + 1}: ")


def test_parse_query_bounds_its_input() -> None:
    with pytest.raises(QueryError, match="4097 characters, allowed are 4096"):
        parse_query("a" * 4097)


@pytest.mark.parametrize(
    ("text", "is_match"),
    [
        ("", True),
        ("status:ok", True),
        ("status:OK", False),
        ("status:[failed, ok]", True),
        ("!status:[failed, ok]", False),
        ("!status:failed", True),
        ("status:ok op:db", False),
        ("tags[status]:ok", True),
        ("missing:a", False),
        ("!missing:a", True),
        ('missing:""', True),
        ('!status:""', True),
        ("op:HTTP.*", True),
        ("op:*serv*", True),
        ("op:http.server*", True),
        ("op:httpx*", False),
        ("!op:http*", False),
        ("missing:*", True),
        ("took:>250", True),
        ("took:>=0.25s", True),
        ("took:>=251ms", False),
        ("took:<1m", True),
        ("!took:<1m", False),
        ("missing:<1", False),
        ("status:>0", False),
    ],
)
def test_matches(text: str, is_match: bool) -> None:
    assert matches(parse_query(text), {"status": "ok", "op": "http.server", "took": "250.5"}) is is_match


def test_matches_takes_one_term() -> None:
    assert matches(Term("a", ("1",), negated=False), {"a": "1"})
