"""Folders of rules and their tests, written for one test each."""

from pathlib import Path

from monitors.load import load_rules
from rehearsal.ruletests.files import Case, load_cases
from rehearsal.ruletests.simulate import Outcome, differences, simulate

RULES = """\
monitors:
  - name: Rate
    aggregate: failure_rate()
    dataset: spans
    query: is_transaction:true
    window: 5m
    thresholds: {high: "> 0.5", medium: "> 0.1", resolve: "<= 0.1"}
  - name: Errors
    aggregate: count()
    dataset: errors
    window: 10m
    thresholds: {high: ">= 10", resolve: "< 10"}
alerts:
  - name: Rate
    monitors: [Rate]
    when: [first_seen_event, regression_event, reappeared_event, issue_resolved_trigger, existing_high_priority_issue]
    frequency: 0m
    notify: [{sentry_app: ops}]
  - name: Errors
    monitors: [Errors]
    when: [first_seen_event]
    frequency: 0m
    notify: [{sentry_app: ops}]
  - name: New
    builtin: error
    when: [first_seen_event, regression_event]
    frequency: 30m
    filters: [{level: ">= error"}]
    notify: [{sentry_app: ops}]
"""


def write(folder: Path, tests: str, rules: str = RULES) -> Path:
    """Write a folder with one file of rules and one of tests; `tests` is the list alone."""
    (folder / "rules.yml").write_text(rules)
    (folder / "rules.test.yml").write_text(f"tests:\n{tests}")
    return folder


def run(folder: Path, tests: str, rules: str = RULES) -> tuple[list[str], list[str]]:
    """Return every page as text with its minute, and what differs from the expectations."""
    found = load_rules(write(folder, tests, rules))
    cases: tuple[Case, ...] = load_cases(folder, found)
    outcomes: list[Outcome] = [simulate(found, case) for case in cases]
    pages = [f"{each.minute} {each.page}" for outcome in outcomes for each in outcome.sent]
    told = [text for case, outcome in zip(cases, outcomes, strict=True) for text in differences(case, outcome)]
    return pages, told
