"""Pages -> HTML that shows each message as a person gets it. What came over the wire is escaped, and nothing is run."""

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, StrictUndefined, Template

from rehearsal.sink.pages import Page

NAMES: Final = {
    "sentry_app": "Webhook, signed",
    "webhook": "Webhook, legacy",
    "slack": "Slack",
    "pagerduty": "PagerDuty",
    "discord": "Discord",
    "msteams": "Microsoft Teams",
    "email": "E-mail",
}
MAX_SHOWN: Final = 200  # the newest; the file has all
# No script, no style but ours, nothing from elsewhere, and nobody may frame it.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def render(pages: Sequence[Page]) -> str:
    """Return the whole document, the newest message first."""
    return _template().render(pages=pages[: -MAX_SHOWN - 1 : -1], count=len(pages), names=NAMES)


def style() -> str:
    return _read("page.css")


def is_link(url: str) -> bool:
    """May the page link there? Escaping does not stop `javascript:`."""
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.tests["link"] = is_link
    return environment.from_string(_read("page.html.jinja"))


def _read(name: str) -> str:
    return resources.files("rehearsal.sink").joinpath(name).read_text("utf-8")
