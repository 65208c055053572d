"""What a load's answers say: a refusal for lack of room is no wrong answer."""

from dataclasses import replace

from loadtest.ledger import OVERLOADED, Entry, answered, unanswered
from rehearsal.answers import describe, sort_answers

ASKED = unanswered("req_1", "validate_graph", "POST", "/v", 0.0)
RIGHT = answered(ASKED, 5.0, 200, None)
SHED = answered(ASKED, 1.0, 503, "status 503, expected 200", OVERLOADED)
FAILED = answered(ASKED, 5.0, 500, "status 500, expected 200")


def kinds(number: int) -> list[Entry]:
    return [replace(FAILED, intent=f"intent_{each}") for each in range(number)]


def test_refusals_are_told_and_are_no_failure() -> None:
    found = sort_answers([RIGHT] * 97 + [SHED] * 3)
    assert (found.sent, found.shed, found.is_well(1)) == (100, 3, True)
    [line] = describe(found)
    assert line.startswith("3 of 100 requests (3.0%) were refused for lack of room")


def test_one_wrong_answer_fails_and_is_named() -> None:
    found = sort_answers([RIGHT, SHED, FAILED])
    assert not found.is_well(1)
    assert list(describe(found))[1] == "1 of 3 answers were wrong: validate_graph: status 500, expected 200"


def test_a_request_without_an_answer_is_wrong() -> None:
    assert list(sort_answers([ASKED]).wrong) == ["validate_graph: no answer"]


def test_a_load_generator_that_failed_by_itself_is_not_excused() -> None:
    assert sort_answers([RIGHT]).is_well(0)
    assert not sort_answers([RIGHT]).is_well(1)
    assert not sort_answers([RIGHT, SHED]).is_well(2)


def test_many_kinds_of_wrong_answers_are_cut() -> None:
    assert list(describe(sort_answers(kinds(7))))[-1] == "and 2 other kinds of wrong answers"
