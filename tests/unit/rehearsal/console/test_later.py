"""Answers that are computed beside the pages."""

import threading

import pytest

from rehearsal.console.later import KEPT, Later
from tests.path.engine import await_true


def test_an_answer_is_there_when_asked_again_and_computed_once() -> None:
    asked: list[int] = []

    def double(number: int) -> int:
        asked.append(number)
        return number * 2

    later = Later(double)
    await_true("the answer", lambda: later.ask(4) == 8)
    assert later.ask(4) == 8
    assert asked == [4]


def test_a_waiting_question_gives_way_to_a_newer_one() -> None:
    go_on = threading.Event()
    asked: list[int] = []

    def wait(number: int) -> int:
        asked.append(number)
        go_on.wait(10)
        return number

    later = Later(wait)
    assert later.ask(1) is None
    await_true("the first to begin", lambda: asked == [1])
    assert later.ask(2) is None
    assert later.ask(3) is None
    go_on.set()
    await_true("the last answer", lambda: later.ask(3) == 3)
    assert later.ask(1) == 1
    assert asked == [1, 3]


def test_a_mistake_is_raised_where_it_is_asked() -> None:
    def fail(number: int) -> int:
        raise ValueError(number)

    later = Later(fail)

    def is_raised() -> bool:
        try:
            return later.ask(1) is not None
        except ValueError:
            return True

    await_true("the mistake", is_raised)
    with pytest.raises(ValueError, match="1"):
        later.ask(1)


def test_the_oldest_answers_are_forgotten() -> None:
    asked: list[int] = []
    later = Later(asked.append)
    for number in range(KEPT + 1):
        later.ask(number)
        await_true("its turn", lambda number=number: number in asked)  # type: ignore[misc]
    later.ask(0)
    await_true("the first to be computed again", lambda: asked.count(0) == 2)
