"""Shapes of load: where they begin, peak and end, and that none leaves the range that thinning needs."""

import pytest

from loadtest.shapes import SHAPES


@pytest.mark.parametrize(
    ("shape", "at", "share"),
    [
        ("steady", 0.0, 1.0),
        ("steady", 1.0, 1.0),
        ("ramp", 0.0, 0.1),
        ("ramp", 0.5, 0.55),
        ("ramp", 1.0, 1.0),
        ("spike", 0.39, 0.25),
        ("spike", 0.4, 1.0),
        ("spike", 0.6, 0.25),
        ("day", 0.0, 0.1),
        ("day", 0.5, 1.0),
        ("day", 1.0, 0.1),
    ],
)
def test_each_shape_has_its_marks(shape: str, at: float, share: float) -> None:
    assert SHAPES[shape](at) == pytest.approx(share)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_shape_leaves_its_range(shape: object) -> None:
    assert callable(shape)
    assert all(0 < shape(step / 100) <= 1 for step in range(101))
