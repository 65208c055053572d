"""The ID algorithm against exact enumeration: every estimand, every hedge, on thousands of random graphs.

Each graph gets a random binary model with its latent variables explicit. P(observed) and P(y | do(x)) follow by
enumeration; the estimand evaluated on P(observed) must be P(y | do(x)), at any value of whatever else is free in it.
y0 is not used: it is wrong on graphs like the napkin, and enumeration needs no second opinion. Where y0 is wrong is
in `tests/unit/service/cross_check`.
"""

import random
from collections import Counter
from functools import cache

import pytest

from service.graph import CausalGraph, build_graph
from service.identification.answer import Identification
from service.identification.estimand import Expression, Probability, count_terms
from service.identification.exact import draw_model, evaluate, find_effect, find_error
from service.identification.general import Hedge, identify_effect
from service.identification.mixed import to_mixed
from service.identification.projection import project_latents
from service.identify import identify
from tests.unit.service.identification.graphs import draw_graph, draw_hard_graph
from tests.unit.service.identification.hedges import find_ways, list_faults, witness

GRAPHS = 4_500
TOLERANCE = 1e-9


@cache
def _verdicts() -> list[tuple[CausalGraph, Expression | Hedge]]:
    choose = random.Random(20_260_101)
    graphs = [draw(choose) for draw in (draw_graph, draw_hard_graph) for _ in range(GRAPHS // 2)]
    return [(graph, _ask(graph)) for graph in graphs]


def _ask(graph: CausalGraph) -> Expression | Hedge:
    mixed = to_mixed(project_latents(graph))
    return identify_effect(mixed, mixed.bit("x"), mixed.bit("y"))


def _measure_error(graph: CausalGraph, expression: Expression, choose: random.Random) -> float:
    model = draw_model(graph, choose)
    value = evaluate(expression, model.distribute(), model.observed)
    return find_error(value, find_effect(model, "x", "y"), model.observed, "x", "y")


def test_every_estimand_of_the_algorithm_is_the_effect() -> None:
    choose = random.Random(1)
    found = [(graph, each) for graph, each in _verdicts() if not isinstance(each, Hedge)]
    errors = [_measure_error(graph, expression, choose) for graph, expression in found]
    assert len(errors) > 2_500
    assert max(errors) < TOLERANCE


def test_every_answered_estimand_is_the_effect() -> None:
    """What clients get: adjustment, the front door or ID, whichever comes first; the verdict is that of ID."""
    choose = random.Random(2)
    methods: Counter[str] = Counter()
    for graph, verdict in _verdicts():
        found = identify(graph, "x", "y")
        assert isinstance(found, Identification) != isinstance(verdict, Hedge)
        if isinstance(found, Identification):
            methods[found.method] += 1
            assert _measure_error(graph, found.expression, choose) < TOLERANCE
    assert methods.keys() == {"none-needed", "backdoor", "front_door", "id"}
    assert min(methods.values()) > 300


def test_latent_nodes_of_any_kind_are_projected_to_the_same_effect() -> None:
    """Latent mediators, latent causes of many nodes, chains of latent nodes, beside bidirected edges."""
    choose = random.Random(3)
    checked = 0
    for _ in range(600):
        drawn = draw_graph(choose, confounded=2)
        spare = sorted(set(drawn.nodes) - {"x", "y"})
        latent = choose.sample(spare, choose.randint(1, min(3, len(spare))))
        graph = build_graph(drawn.nodes, drawn.edges, drawn.bidirected, latent)
        found = identify(graph, "x", "y")
        if isinstance(found, Identification):
            checked += 1
            assert _measure_error(graph, found.expression, choose) < TOLERANCE
    assert checked > 200


def test_every_no_comes_with_a_hedge() -> None:
    refused = [(graph, each) for graph, each in _verdicts() if isinstance(each, Hedge)]
    assert len(refused) > 1_000
    assert [faults for graph, hedge in refused if (faults := list_faults(graph, hedge))] == []


def test_models_that_look_alike_differ_in_the_effect() -> None:
    """Two positive models, equal in P(observed), unequal in effect: for all hedges with a way to y outside of them."""
    witnessed = []
    for graph, hedge in _verdicts():
        ways = find_ways(graph, hedge) if isinstance(hedge, Hedge) else None
        if not isinstance(hedge, Hedge) or ways is None:
            continue
        one, other = witness(graph, hedge, ways)
        seen, seen_too = one.distribute(), other.distribute()
        assert seen.min() > 0
        assert abs(seen - seen_too).max() < TOLERANCE
        assert abs(find_effect(one, "x", "y") - find_effect(other, "x", "y")).max() > 0.01
        witnessed.append(hedge.roots)
    assert len(witnessed) > 1_200
    assert sum(roots != ("y",) for roots in witnessed) > 100


def test_conditionals_come_from_the_distribution_carried_in() -> None:
    """Reading line 6 off P(observed) would give P(y | x) for the napkin, which is not the effect."""
    graph = build_graph(list("wzxy"), [("w", "z"), ("z", "x"), ("x", "y")], [("w", "x"), ("w", "y")])
    found = _ask(graph)
    assert not isinstance(found, Hedge)
    assert _measure_error(graph, found, random.Random(4)) < TOLERANCE
    wrong = Probability(("y",), ("x",))
    assert max(_measure_error(graph, wrong, random.Random(seed)) for seed in range(10)) > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_estimands_of_small_graphs_stay_readable(seed: int) -> None:
    choose = random.Random(seed)
    found = [_ask(draw_graph(choose)) for _ in range(300)]
    assert max(count_terms(each) for each in found if not isinstance(each, Hedge)) <= 60
