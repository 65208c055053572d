"""What identification answers: the ways that work, or the proof that none does."""

from dataclasses import dataclass
from typing import Final, Literal

from service.errors import Details, ErrorCode, IslError
from service.graph import CausalGraph
from service.identification.estimand import Expression
from service.identification.general import Hedge
from service.identification.instruments import Instrument

Status = Literal["identifiable"]  # the other answer is an error, see `refuse`
Method = Literal["none-needed", "backdoor", "front_door", "id"]
# In the order of trying. Instruments are looked for, too, and never succeed without further assumptions.
ATTEMPTED_METHODS: Final = ("backdoor", "front_door", "instrumental_variable", "id")

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lists:
    """Everything that the simple criteria offer, each list cut at its limit."""

    backdoor_paths: Names  # drawn, shortest first, blocked ones included
    adjustment_sets: tuple[Names, ...] = ()  # minimal back-door sets, smallest first
    front_door_sets: tuple[Names, ...] = ()  # minimal ones, smallest first
    instruments: tuple[Instrument, ...] = ()
    partial: Names = ()  # one sentence per list that may lack entries


@dataclass(frozen=True, slots=True)
class Identification:
    """P(outcome | do(treatment)) in terms of what is observed."""

    method: Method
    minimal_set: Names | None  # sorted; None where no adjustment set is used
    expression: Expression
    estimand: str | None  # the expression as text; None if it is too long to be read
    reason: str
    lists: Lists
    attempted_methods: Names  # in order, up to the one that succeeded


@dataclass(frozen=True, slots=True)
class NotIdentifiable:
    """No function of what is observed is the effect; the hedge shows where."""

    treatment: str
    outcome: str
    hedge: Hedge
    instruments: tuple[Instrument, ...]


def refuse(found: NotIdentifiable, graph: CausalGraph) -> IslError:
    """Put a "no" into the ISL_CAUSAL_NOT_IDENTIFIABLE that tells a caller why, and what would help."""
    pair = f"the effect of {found.treatment} on {found.outcome}"
    details = Details(
        hints=_advise(found, pair),
        validation_failures=_describe(found.hedge),
        node_count=len(graph.nodes),
        edge_count=len(graph.edges) + len(graph.bidirected),
        attempted_methods=ATTEMPTED_METHODS,
    )
    message = f"Unmeasured confounding: no function of the observed variables is {pair}"
    return IslError(ErrorCode.ISL_CAUSAL_NOT_IDENTIFIABLE, message, details)


def _advise(found: NotIdentifiable, pair: str) -> Names:
    hedge = found.hedge
    outside = ", ".join(name for name in hedge.forest if name not in hedge.inner)
    measure = f"Measure the unobserved causes that connect {outside} with {', '.join(hedge.inner)}"
    instruments = tuple(
        f"{each} is an instrument: it identifies {pair} under further assumptions, such as linearity"
        for each in found.instruments
    )
    return (measure, *instruments, f"Run an experiment that sets {found.treatment}")


def _describe(hedge: Hedge) -> Names:
    named = (("F", hedge.forest), ("F'", hedge.inner), ("roots", hedge.roots))
    return tuple(f"hedge {name}: {', '.join(nodes)}" for name, nodes in named)
