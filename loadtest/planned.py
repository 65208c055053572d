"""Users made from a plan's requests: `--requests` is a JSON file of them, as `rehearsal.plan` has them."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from locust import events

from loadtest.caller import Caller

OPTION: Final = "--requests"


@events.init_command_line_parser.add_listener
def _add_argument(parser: Any) -> None:
    parser.add_argument(OPTION, required=True, help="JSON file of the requests")


def make_users(content: str) -> dict[str, type[Caller]]:
    """Make a class of users for each request of the file, by name."""
    return {request["name"]: _make_user(request) for request in json.loads(content)["requests"]}


def _make_user(request: dict[str, Any]) -> type[Caller]:
    route, mark, query = request["target"].partition("?")
    body = json.loads(request["body"]) if request["body"] else None
    return type(
        request["name"],
        (Caller,),
        {
            "weight": request["weight"],
            "intent": request["name"],
            "method": request["method"],
            "route": route,
            "expected_status": request["status"],
            "echoes_request_id": False,
            "body": lambda _: body,
            "query": lambda _: mark + query,
            "headers": lambda _: request["headers"],
        },
    )


# Locust looks for classes among the module's names when it loads the file, which is before it reads its arguments.
if OPTION in sys.argv:
    globals().update(make_users(Path(sys.argv[sys.argv.index(OPTION) + 1]).read_text(encoding="utf-8")))
