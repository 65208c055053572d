"""The processes of one stack: started with a mark for whoever has to stop them, metered, stopped in any order."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rehearsal.interrupts import shielded
from rehearsal.processes import Child, kill, mark, start, stop, tail
from rehearsal.settings import ROOT
from rehearsal.statefile import write_json
from rehearsal.usage import Meter, Reading

PROCESSES: Final = "processes.json"  # in the stack's folder: what was started


class Children:
    """Starts and stops; after each change the file says what runs."""

    def __init__(self, folder: Path, logs: Path, *, outlives_us: bool) -> None:
        self._marks, self._logs, self._outlives_us = folder / PROCESSES, logs, outlives_us
        self._running: list[Child] = []
        self._meter = Meter()

    def start(
        self, name: str, argv: list[str], environ: dict[str, str], held: tuple[int, ...], folder: Path = ROOT
    ) -> Child:
        """Start one in a folder, and leave a mark of it before anything can interrupt us. `held`: its descriptors."""
        log = self._logs / f"{name}.log"
        with shielded():
            child = start(name, argv, environ, log, outlives_us=self._outlives_us, held=held, folder=folder)
            self._running.append(child)
            self._keep_marks()
        return child

    def named(self, name: str) -> list[Child]:
        """Those of a name: two while a deploy lasts, none once it is stopped."""
        return [child for child in self._running if child.name == name]

    def stop(self, children: Iterable[Child]) -> None:
        """Stop these, one after the other; whoever is stopped already is left out."""
        for child in children:
            if child in self._running:
                self._meter.note_end(child)
                stop(child)
                self._forget(child)

    def stop_all(self) -> None:
        """Last started first."""
        self.stop(self._running[::-1])

    def kill(self, name: str) -> None:
        """End those of a name by force, in the middle of whatever they do."""
        with shielded():
            for child in self.named(name):
                self._meter.note_end(child)
                kill(child)
                self._forget(child)

    def read_cpu(self) -> Reading:
        """The CPU time that each has used so far."""
        return self._meter.read(self._running)

    def dead(self) -> list[str]:
        """Those that ended although nobody stopped them: each with its exit code and the end of its log."""
        ended = [child for child in self._running if not child.is_running]
        return [f"{each.name} ended with code {each.process.returncode}:\n{tail(each)}" for each in ended]

    def _forget(self, child: Child) -> None:
        self._running.remove(child)
        self._keep_marks()

    def _keep_marks(self) -> None:
        write_json(self._marks, {"processes": [asdict(mark(child)) for child in self._running]})
