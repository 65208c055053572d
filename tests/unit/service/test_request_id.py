"""Request ids: kept or replaced."""

import pytest

from service.request_id import WELL_FORMED, accept_request_id, new_request_id


def test_new_ids_are_well_formed_and_differ() -> None:
    made = {new_request_id() for _ in range(100)}
    assert len(made) == 100
    assert all(WELL_FORMED.fullmatch(each) for each in made)


def test_well_formed_id_is_kept() -> None:
    assert accept_request_id("req_0123456789abcdef") == "req_0123456789abcdef"


@pytest.mark.parametrize(
    "offered",
    [
        None,
        "",
        "req_",
        "req_0123456789ABCDEF",
        "req_0123456789abcde",
        "req_0123456789abcdef0",
        "req_0123456789abcdef\n",
        " req_0123456789abcdef",
        "bad id <script>",
        "x" * 10_000,
    ],
)
def test_anything_else_is_replaced(offered: str | None) -> None:
    accepted = accept_request_id(offered)
    assert accepted != offered
    assert WELL_FORMED.fullmatch(accepted)
