"""Run the sink."""

from pathlib import Path

import click
import uvicorn

from rehearsal.settings import PORTS
from rehearsal.sink.app import build_sink


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=PORTS["sink"], show_default=True)
@click.option("--mail-port", default=PORTS["mail"], show_default=True, help="Where it takes e-mail.")
@click.option("--file", "pages", type=click.Path(path_type=Path), required=True, help="Where pages are appended.")
@click.option("--secrets", type=click.Path(path_type=Path), required=True, help="JSON file, channel to client secret.")
def main(host: str, port: int, mail_port: int, pages: Path, secrets: Path) -> None:
    """Receive notifications until stopped."""
    app = build_sink(pages, secrets, (host, mail_port))
    uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning", lifespan="on")


if __name__ == "__main__":
    main()
