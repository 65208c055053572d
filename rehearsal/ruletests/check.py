"""A folder of rules and their tests -> all that is wrong with it: `rehearse monitors check` without the printing."""

from dataclasses import dataclass
from pathlib import Path

from monitors.errors import Problem, RulesError
from monitors.lint import Traffic, lint
from monitors.load import load_rules
from monitors.model import RuleSet
from rehearsal.ruletests.files import load_cases
from rehearsal.ruletests.suite import SuiteResult, run_cases


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. With mistakes there are no rules that could be tested."""

    mistakes: tuple[Problem, ...]
    warnings: tuple[Problem, ...]  # Sentry takes such rules; they are hardly what is meant
    rules: RuleSet | None
    suite: SuiteResult | None

    @property
    def holds(self) -> bool:
        return not self.mistakes and not (self.suite and self.suite.failed)


def check_rules(directory: Path, traffic: Traffic) -> Checked:
    """Lint the rules, then run their tests. Changes nothing, asks nobody."""
    try:
        rules = load_rules(directory)
        return Checked((), lint(rules, traffic), rules, run_cases(rules, load_cases(directory, rules)))
    except RulesError as error:
        return Checked(error.problems, (), None, None)
