"""Plain log lines on stderr, each with the id of its request. No bodies, no values, no addresses."""

import logging
import sys
from typing import Final

from service.request_id import current_request_id

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
HANDLER_NAME: Final = "isl"
# uvicorn's own handlers know no request id; its lines join ours.
ADOPTED_LOGGERS: Final = ("uvicorn", "uvicorn.error")
# One line per call and per look at the schema; the SDK's own breadcrumbs say the same, and more.
QUIET_LOGGERS: Final = ("alembic", "httpx")


class RequestIdFilter(logging.Filter):
    """Adds the request id to every record that passes, whoever wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `record.request_id` and let the record pass."""
        record.request_id = current_request_id()
        return True


def configure_logging(level: str) -> None:
    """Send everything to stderr through one handler; safe to call again in the same process."""
    root = logging.getLogger()
    root.setLevel(level)
    if all(handler.name != HANDLER_NAME for handler in root.handlers):
        root.addHandler(_build_handler())
    for name in ADOPTED_LOGGERS:
        adopted = logging.getLogger(name)
        adopted.handlers.clear()
        adopted.propagate = True
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _build_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.name = HANDLER_NAME
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(RequestIdFilter())
    return handler
