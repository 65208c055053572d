"""Answers that take longer than a page may: computed by a thread, one by one, and there when they are asked again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
KEPT: Final = 32  # answers: a visitor tries some


class Later(Generic[K, V]):
    """Computes answers to questions; may be asked from any thread."""

    def __init__(self, compute: Callable[[K], V]) -> None:
        self._compute = compute
        self._thread = ThreadPoolExecutor(1, "later")
        self._answers: OrderedDict[K, Future[V]] = OrderedDict()
        self._lock = Lock()

    def ask(self, question: K) -> V | None:
        """Return the answer, None while it is being computed. Raises what computing it raised.

        A question that waits for its turn is given up for a newer one: whoever asked it has moved on.
        """
        with self._lock:
            if question not in self._answers:
                self._give_up_waiting()
                self._answers[question] = self._thread.submit(self._compute, question)
            self._answers.move_to_end(question)
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
            found = self._answers[question]
        return found.result() if found.done() else None

    def _give_up_waiting(self) -> None:
        for question in [each for each, answer in self._answers.items() if answer.cancel()]:
            del self._answers[question]
