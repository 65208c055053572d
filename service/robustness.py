"""Does the best option stay the best when the graph itself is uncertain? Monte Carlo, under a soft budget of time.

All options are compared in the same worlds (common random numbers, see `scenarios`). What the budget does not reach is
left out and named: an answer that is partial says so.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from service.expressions import Column
from service.graph import Checkpoint, no_checkpoint
from service.scenarios import share_wins
from service.uncertain import Question, draw_effects, propagate

CHUNK: Final = 500  # worlds at a time: some milliseconds at the limits, after which the clock is asked again
INFLUENTIAL_LIMIT: Final = 10  # arrows named, strongest first
TIE: Final = 1e-9  # relative: closer means differ by their rounding

Analysis = Literal["outcomes", "influence", "removal"]
ANALYSES: Final[tuple[Analysis, ...]] = ("outcomes", "influence", "removal")  # in the order in which they are done


@dataclass(frozen=True, slots=True)
class ChoiceOutcome:
    """The goal under one option, over all drawn worlds."""

    id: str
    mean: float
    lower: float  # of the central interval at the asked confidence level
    upper: float
    win_probability: float  # share of the worlds in which it does best; ties are split
    expected_regret: float  # mean by which it falls short of the best of each world


@dataclass(frozen=True, slots=True)
class EdgeInfluence:
    """How much of the lead of the best option over the next one hangs on one arrow."""

    edge: str
    correlation: float  # of its effect (0 where it does not exist) with the lead, over all worlds; -1 to 1


@dataclass(frozen=True, slots=True)
class Report:
    """What was found within the budget."""

    samples: int  # worlds drawn; fewer than asked for when the budget ended first
    outcomes: tuple[ChoiceOutcome, ...]
    best: str  # by its mean; of equals, the one that was listed first
    influences: tuple[EdgeInfluence, ...]
    critical_edges: tuple[str, ...]  # without one of these, another option is the best
    completed: tuple[Analysis, ...]
    skipped: tuple[Analysis, ...]  # asked for, and not finished


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: `has_time` softly, between pieces of work; `checkpoint` by raising."""

    has_time: Callable[[], bool]
    checkpoint: Checkpoint = no_checkpoint

    def goes_on(self) -> bool:
        """Tell whether another piece of work may begin. Raises what the checkpoint does."""
        self.checkpoint()
        return self.has_time()


def analyze_within(
    question: Question,
    asked: Collection[Analysis],
    samples: int,
    seed: int,
    confidence_level: float,
    budget_ms: int,
    checkpoint: Checkpoint = no_checkpoint,
) -> Report:
    """Analyse within so many milliseconds from now. Raises what `analyze` and the checkpoint do."""
    end_s = time.monotonic() + budget_ms / 1000
    budget = Budget(lambda: time.monotonic() < end_s, checkpoint)
    return analyze(question, asked, samples, seed, confidence_level, budget)


def analyze(
    question: Question, asked: Collection[Analysis], samples: int, seed: int, confidence_level: float, budget: Budget
) -> Report:
    """Analyse within the budget.

    1. draw worlds, at least one chunk of them  2. the influence of each arrow
    3. leave out each arrow in turn and see whether another option wins  4. describe the options

    Raises IslError (ISL_INVALID_MODEL) when the goal has no sensible value.
    """
    effects, goals = _draw_worlds(question, samples, seed, budget)  # float64 (arrows, worlds) and (options, worlds)
    worth = _to_worth(question, goals)
    best = _find_best(worth.mean(axis=1))
    completed: list[Analysis] = ["outcomes"] if goals.shape[1] == samples else []
    influences: tuple[EdgeInfluence, ...] = ()
    critical: tuple[str, ...] = ()
    if "influence" in asked and budget.goes_on():
        influences = _rank_influences(question, effects, worth, best)
        completed.append("influence")
    if "removal" in asked:
        critical, is_complete = _find_critical(question, effects, best, budget)
        completed += ["removal"] if is_complete else []
    return Report(
        samples=goals.shape[1],
        outcomes=_describe(question, goals, worth, confidence_level),
        best=question.choices[best].id,
        influences=influences,
        critical_edges=critical,
        completed=tuple(completed),
        skipped=tuple(each for each in ANALYSES if each in {"outcomes", *asked} and each not in completed),
    )


def _draw_worlds(question: Question, samples: int, seed: int, budget: Budget) -> tuple[Column, Column]:
    rng = np.random.default_rng(seed)
    effects, goals = [], []
    for start in range(0, samples, CHUNK):
        if start and not budget.goes_on():
            break
        effects.append(draw_effects(question.edges, min(CHUNK, samples - start), rng))
        goals.append(propagate(question, effects[-1]))
    return np.concatenate(effects, axis=1), np.concatenate(goals, axis=1)


def _to_worth(question: Question, goals: Column) -> Column:
    return goals if question.objective == "maximize" else -goals


def _find_best(means: Column) -> int:
    margin = TIE * float(np.abs(means).max())
    return int((means >= means.max() - margin).argmax())


def _rank_influences(question: Question, effects: Column, worth: Column, best: int) -> tuple[EdgeInfluence, ...]:
    """Correlate the effect of each arrow with the lead of the best option over the best of the others."""
    lead = _standardize(worth[best] - np.delete(worth, best, axis=0).max(axis=0))
    found = [
        EdgeInfluence(edge.name, float(_standardize(drawn) @ lead))
        for edge, drawn in zip(question.edges, effects, strict=True)
    ]
    found = [each for each in found if each.correlation]  # 0: the arrow, or the lead, is certain
    found.sort(key=lambda each: (-abs(each.correlation), each.edge))
    return tuple(found[:INFLUENTIAL_LIMIT])


def _standardize(column: Column) -> Column:
    """Centre it and give it the length 1; what does not vary becomes 0."""
    scale = float(np.abs(column).max())
    if scale == 0 or float(np.ptp(column)) <= TIE * scale:
        return np.zeros_like(column)
    centred = (column - column.mean()) / scale  # squares of the largest values stay within a float
    unit: Column = centred / np.linalg.norm(centred)
    return unit


def _find_critical(question: Question, effects: Column, best: int, budget: Budget) -> tuple[tuple[str, ...], bool]:
    """Name the arrows without which another option has the better mean; False: the budget ended first."""
    critical: list[str] = []
    for index, edge in enumerate(question.edges):
        means = np.zeros(len(question.choices))
        for start in range(0, effects.shape[1], CHUNK):
            if not budget.goes_on():
                return tuple(critical), False
            worlds = effects[:, start : start + CHUNK]
            means += _to_worth(question, propagate(question, worlds, without=index)).sum(axis=1) / effects.shape[1]
        # A tie is no change: the option that was best still is.
        if means.max() - means[best] > TIE * float(np.abs(means).max()):
            critical.append(edge.name)
    return tuple(critical), True


def _describe(question: Question, goals: Column, worth: Column, confidence_level: float) -> tuple[ChoiceOutcome, ...]:
    tail = (1 - confidence_level) / 2
    lower, upper = np.quantile(goals, (tail, 1 - tail), axis=1)
    wins, regrets = share_wins(worth, "maximize"), (worth.max(axis=0) - worth).mean(axis=1)
    table = zip(question.choices, goals.mean(axis=1), lower, upper, wins, regrets, strict=True)
    return tuple(ChoiceOutcome(choice.id, *(float(each) for each in row)) for choice, *row in table)
