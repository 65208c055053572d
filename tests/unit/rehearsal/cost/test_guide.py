"""docs/sampling.md is what the code computes today, and says what it is there to say."""

from pathlib import Path

import pytest

from rehearsal.cost.book import GUIDE, load_book
from rehearsal.reports.guide import guide_document

DOCUMENT = Path(__file__).parents[4] / "docs" / "sampling.md"


@pytest.fixture(scope="module")
def document() -> str:
    return guide_document()


def test_document_is_what_the_command_prints(document: str) -> None:
    """After a change of prices, rules or assumptions: rehearse sampling-guide > docs/sampling.md."""
    assert DOCUMENT.read_text(encoding="utf-8") == document


def test_document_has_the_guides_sum_and_its_day(document: str) -> None:
    assert "**70 USD**" in document
    assert f"prices of {load_book().as_of}" in document
    assert "guide.yml" in document
    assert load_book(GUIDE).as_of < load_book().as_of


def test_document_has_no_number_that_is_none(document: str) -> None:
    assert "nan" not in document.lower().replace("tenant", "")
    assert "None" not in document
