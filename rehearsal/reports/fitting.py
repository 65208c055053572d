"""A table for terminals of any width: where a word of it would have to be cut, each row is a line instead."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

CUT: Final = "…"  # what Rich puts for the rest of a word that has no room
NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class Fitting:
    """A table, whose first columns name the row; shown as such where all its words are whole."""

    table: Table
    names: int = 1  # columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawn = console.render_lines(self.table, options)
        if any(CUT in segment.text for line in drawn for segment in line):
            yield from self._lines()
        else:
            yield self.table

    def _lines(self) -> Iterator[Text]:
        """`name, name  total: 1m 50s; seen: 48s`; what has no value is left out."""
        headings = [str(column.header) for column in self.table.columns]
        for row in zip(*(column.cells for column in self.table.columns), strict=True):
            cells = [cell if isinstance(cell, Text) else Text(str(cell)) for cell in row]
            named = zip(headings[self.names :], cells[self.names :], strict=True)
            said = [Text.assemble((f"{heading}: ", "dim"), cell) for heading, cell in named if cell.plain != NOTHING]
            yield Text.assemble(Text(", ").join(cells[: self.names]), "  ", Text("; ").join(said))
