"""The embedded engine, started by us as a process of the stack."""

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from monitors.client import SentryClient
from monitors.model import RuleSet
from rehearsal.engines.engine import Launch
from rehearsal.ports import HOST
from rehearsal.processes import START_DEADLINE, answers, wait_until
from rehearsal.provisioning import ORGANIZATION, Provisioned, provision
from rehearsal.receivers import Sinkhole, write_channels

API_TIMEOUT_S: Final = 5.0  # the engine is on this machine: longer means that it hangs
TAP_BYTES: Final = 1024**3  # ten times what the drills of this project send


class EmbeddedEngine:
    """One process and one folder; its time runs as fast as the rehearsal's."""

    name = "embedded"
    is_ours = True
    sink_host = HOST
    lag = timedelta(0)

    def __init__(self, folder: Path, port: int, speed: float, shown: Mapping[str, Path], *, is_tapped: bool) -> None:
        """`shown` are the files whose contents its pages show, by the option of `rehearsal.console` that names each."""
        self.url = f"http://{HOST}:{port}"
        self.data = folder / "engine"
        self.token = ""
        self._channels = folder / "channels" / "channels.yml"
        self._shown = [word for option, path in shown.items() for word in (f"--{option}", str(path))]
        self._port, self._speed, self._is_tapped = port, speed, is_tapped

    def route(self, rules: RuleSet, sink: Sinkhole) -> dict[str, str]:
        """Write its file of channels, all of which lead to the sink."""
        return write_channels(rules, sink, self._channels.parent)

    def start(self, launch: Launch) -> None:
        """Start it, and read the token that it makes on its first start."""
        environ = {
            "EMBEDDED_PORT": str(self._port),
            "EMBEDDED_DATA_DIR": str(self.data),
            "EMBEDDED_SPEED": str(self._speed),
            "EMBEDDED_TAP_BYTES": str(TAP_BYTES if self._is_tapped else 0),
            "EMBEDDED_CHANNELS": str(self._channels) if self._channels.exists() else "",
            "EMBEDDED_DRILL": "true",
        }
        argv = [sys.executable, "-m", "rehearsal.console", *self._shown]
        child = launch("engine", argv, environ, "sentry")
        wait_until("the engine", lambda: answers(f"{self.url}/_health/"), child, START_DEADLINE)
        self.token = (self.data / "token").read_text().strip()

    def client(self) -> SentryClient:
        return SentryClient(self.url, self.token, ORGANIZATION, timeout_s=API_TIMEOUT_S)

    def provision(self, name: str, rules: RuleSet, hook: Callable[[str], str], secrets: Path) -> Provisioned:
        with self.client() as client:
            return provision(client, name, rules, hook, secrets)

    def leave(self) -> None:
        """Nothing: it ends with the stack."""
