"""A spread of minus nothing is a spread of nothing: JSON can say -0.0, and numpy refuses it as negative."""

import numpy as np

from service.model import parse_distribution
from service.uncertain import UncertainEdge, draw_effects


def test_a_distribution_may_have_a_negative_zero_for_its_spread() -> None:
    parsed = parse_distribution("x", "normal", {"mean": 2.0, "std": -0.0})
    assert parsed.family.draw(np.random.default_rng(1), parsed.parameters, 3).tolist() == [2.0] * 3


def test_an_arrow_may_have_a_negative_zero_for_its_spread() -> None:
    edge = UncertainEdge("a", "b", 1.0, 2.0, -0.0)
    assert draw_effects([edge], 3, np.random.default_rng(1)).tolist() == [[2.0] * 3]
