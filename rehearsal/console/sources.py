"""Where the console's pages read what the engine does not hold."""

from dataclasses import dataclass
from pathlib import Path

from rehearsal.cost.book import CURRENT


@dataclass(frozen=True, slots=True)
class Sources:
    """Files and folders of one stack; what is None nobody writes."""

    runs: Path
    rules: Path
    prices: Path = CURRENT
    faults: Path | None = None  # the service's flags
    ledger: Path | None = None  # of the load
