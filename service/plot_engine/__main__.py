"""`python -m service.plot_engine --port 8001`: the stand-in on loopback."""

import argparse
from typing import Final

import uvicorn

from service.plot_engine.app import app

HOST: Final = "127.0.0.1"
PORT: Final = 8001  # the contract of docs/architecture.md


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=PORT)
    options = parser.parse_args()
    uvicorn.run(app, host=options.host, port=options.port, access_log=False)


if __name__ == "__main__":
    main()
