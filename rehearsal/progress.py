"""How the long work of a rehearsal tells how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Where a rehearsal tells how far it is."""

    def say(self, text: str) -> None:
        """Something happened."""

    def show(self, text: str) -> None:
        """This is going on; replaces what was shown before. May have several lines."""
