"""Identification: a causal graph and a pair in; P(outcome | do(treatment)) by what is observed out, or why not.

Four criteria, in the order in which a person would rather defend their assumptions: back-door adjustment, front-door
adjustment, instruments (listed only: without further assumptions they never suffice), and the ID algorithm, which
decides every case. A back-door set is a set of observed non-descendants of the treatment that blocks every path into it
(Pearl 2009, "Causality", definition 3.3.1). For a single treatment one exists whenever any adjustment set does
(van der Zander, Liskiewicz, Textor 2014, UAI).
"""

from dataclasses import replace

from service.errors import Details, ErrorCode, IslError
from service.graph import CausalGraph, Checkpoint, no_checkpoint, require_nodes
from service.identification.answer import ATTEMPTED_METHODS, Identification, Lists, Method, Names, NotIdentifiable
from service.identification.estimand import Expression, Probability, find_free, multiply, sum_out
from service.identification.front_door import build_front_door_estimand
from service.identification.general import Hedge, identify_effect
from service.identification.listing import list_all, list_paths
from service.identification.mixed import find_descendants, to_mixed
from service.identification.projection import project_latents
from service.identification.rendering import TERMS_LIMIT, TEXT_LIMIT, render_estimand


def identify(
    graph: CausalGraph, treatment: str, outcome: str, checkpoint: Checkpoint = no_checkpoint
) -> Identification | NotIdentifiable:
    """Decide whether what is observed determines the effect, and name every way that does.

    1. check the pair  2. project the latent nodes away  3. ask whether there is an effect  4. list what the simple
    criteria offer  5. take the first that identifies it  6. else let the ID algorithm decide
    Raises IslError: ISL_NODE_NOT_FOUND, ISL_VALIDATION_ERROR (the pair is one node, or one of it is latent).
    """
    _require_pair(graph, treatment, outcome)
    observed = project_latents(graph)
    mixed = to_mixed(observed)
    x, y = mixed.bit(treatment), mixed.bit(outcome)
    checkpoint()
    paths = list_paths(observed, treatment, outcome)
    if not find_descendants(mixed, x) & y:
        return _answer_no_effect(treatment, outcome, paths)
    checkpoint()
    lists = list_all(mixed, x, y, paths)
    if lists.adjustment_sets:
        return _answer_adjustment(treatment, outcome, lists)
    if lists.front_door_sets:
        return _answer_front_door(treatment, outcome, lists)
    checkpoint()
    found = identify_effect(mixed, x, y)
    if isinstance(found, Hedge):
        return NotIdentifiable(treatment, outcome, found, lists.instruments)
    return _answer_id(treatment, outcome, found, lists)


def _require_pair(graph: CausalGraph, treatment: str, outcome: str) -> None:
    require_nodes(graph, [treatment, outcome])
    asked = (("treatment", treatment), ("outcome", outcome))
    failures = [f"{role}: {name} is latent, allowed: observed nodes" for role, name in asked if name in graph.latent]
    failures += ["outcome: must differ from treatment"] if treatment == outcome else []
    if failures:
        message = "The effect of this treatment on this outcome cannot be asked for"
        raise IslError(ErrorCode.ISL_VALIDATION_ERROR, message, Details(validation_failures=tuple(failures)))


def _answer_no_effect(treatment: str, outcome: str, lists: Lists) -> Identification:
    reason = f"No directed path leads from {treatment} to {outcome}: setting {treatment} cannot change it"
    return _answer("none-needed", None, Probability((outcome,)), reason, lists)


def _answer_adjustment(treatment: str, outcome: str, lists: Lists) -> Identification:
    chosen = lists.adjustment_sets[0]
    if not chosen:
        reason = "No backdoor path is open: what is seen is what is done"
        return _answer("none-needed", (), Probability((outcome,), (treatment,)), reason, lists)
    factors: list[Expression] = [Probability((outcome,), (treatment, *chosen)), Probability(chosen)]
    reason = f"Adjusting for {', '.join(chosen)} blocks every backdoor path"
    return _answer("backdoor", chosen, sum_out(multiply(factors), chosen), reason, lists)


def _answer_front_door(treatment: str, outcome: str, lists: Lists) -> Identification:
    mediators = lists.front_door_sets[0]
    reason = f"No set blocks every backdoor path, but {', '.join(mediators)} carries the whole effect, unconfounded"
    expression = build_front_door_estimand(treatment, outcome, mediators)
    return _answer("front_door", None, expression, reason, lists)


def _answer_id(treatment: str, outcome: str, expression: Expression, lists: Lists) -> Identification:
    reason = "Neither adjustment nor a front-door set suffices; the ID algorithm finds a way"
    answer = _answer("id", None, expression, reason, lists)
    free = sorted(find_free(expression) - {treatment, outcome}) if answer.estimand else []
    if not free:
        return answer
    return _answer("id", None, expression, f"{reason}, at any one value of {', '.join(free)}", lists)


def _answer(
    method: Method, minimal_set: Names | None, expression: Expression, reason: str, lists: Lists
) -> Identification:
    """Write the estimand out, and say so where it is too long for that."""
    estimand = render_estimand(expression)
    if estimand is None:
        note = f"estimand: over {TERMS_LIMIT} terms or {TEXT_LIMIT} characters, left out"
        lists = replace(lists, partial=(*lists.partial, note))
    attempted = ATTEMPTED_METHODS[: 1 + ATTEMPTED_METHODS.index("backdoor" if method == "none-needed" else method)]
    return Identification(method, minimal_set, expression, estimand, reason, lists, attempted)
