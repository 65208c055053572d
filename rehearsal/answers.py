"""How the requests of a load ended: as they should, refused for lack of room, or wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from loadtest.ledger import Entry

SHOWN: Final = 5  # kinds of wrong answers


@dataclass(frozen=True, slots=True)
class Answers:
    """Of one load."""

    sent: int
    shed: int  # refused before they began: what a service should do that gets more than it can take
    wrong: Counter[str]  # what is wrong -> how often

    def is_well(self, code: int) -> bool:
        """Did a load that ended with this code go well? Locust takes a refusal for a failure, and says 1."""
        return not self.wrong and (code == 0 or (code == 1 and self.shed > 0))


def sort_answers(entries: Iterable[Entry]) -> Answers:
    """Sort the requests of a load by how they ended."""
    found = list(entries)
    wrong = Counter(f"{each.intent}: {each.problem}" for each in found if each.problem and not each.is_shed)
    return Answers(len(found), sum(each.is_shed for each in found), wrong)


def describe(answers: Answers) -> Iterator[str]:
    """Yield a line for each thing to know; nothing when every answer was right."""
    if answers.shed:
        share = answers.shed / answers.sent
        yield (
            f"{answers.shed:,} of {answers.sent:,} requests ({share:.1%}) were refused for lack of room (503"
            " overloaded): no failure, but more than this machine can take; a lower rate has none"
        )
    for what, count in answers.wrong.most_common(SHOWN):
        yield f"{count:,} of {answers.sent:,} answers were wrong: {what}"
    if len(answers.wrong) > SHOWN:
        yield f"and {len(answers.wrong) - SHOWN} other kinds of wrong answers"
