"""All tests of a folder -> which of them held, what went otherwise, and what of the rules they have seen happen."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitors.model import RuleSet
from rehearsal.ruletests.coverage import Coverage, cover
from rehearsal.ruletests.files import Case
from rehearsal.ruletests.simulate import differences, simulate


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One test, after it ran."""

    name: str
    file: str
    line: int
    minutes: int  # of production time that passed in it
    differences: tuple[str, ...]  # each with file and line; none if it held


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """All tests of a folder."""

    cases: tuple[CaseResult, ...]
    coverage: Coverage

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        return tuple(each for each in self.cases if each.differences)

    @property
    def minutes(self) -> int:
        return sum(each.minutes for each in self.cases)


def run_cases(rules: RuleSet, cases: Iterable[Case]) -> SuiteResult:
    """Run every test; a failed one stops none of the others."""
    results, outcomes = [], []
    for case in cases:
        outcome = simulate(rules, case)
        outcomes.append(outcome)
        found = tuple(differences(case, outcome))
        results.append(CaseResult(case.name, case.file, case.line, case.expected[-1].minute, found))
    return SuiteResult(tuple(results), cover(rules, outcomes))
