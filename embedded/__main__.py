"""Run the engine: `python -m embedded`. Settings come from `EMBEDDED_*` variables."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import uvicorn

from embedded.app import ALONE, build_app
from embedded.clock import Clock, SystemClock
from embedded.destinations import load_destinations
from embedded.errors import SettingsError, StoreVersionError
from embedded.pages.extension import Extension
from embedded.settings import load_settings

EXIT_USAGE = 2


def main() -> int:
    """Serve by the machine's clock until stopped. Returns 2 when a setting or the data file does not fit."""
    return serve(SystemClock())


def serve(clock: Clock, extension: Extension = ALONE, around: Callable[[Any], Any] | None = None) -> int:
    """Serve by this clock until stopped, with these pages added, and with an ASGI app of the caller's around it all.

    Returns 2 where settings or data file do not fit.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = load_settings(os.environ)
        destinations = load_destinations(settings.channels, os.environ)
        engine = build_app(settings, clock, destinations, extension)
    except (SettingsError, StoreVersionError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    app = around(engine) if around else engine
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, log_level="warning", lifespan="on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
