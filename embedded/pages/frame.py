"""What all pages share: the templates, which project and period a page is of, and the frame around its content."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from embedded.api.context import Context
from embedded.pages import formats, words
from embedded.pages.extension import Extension
from embedded.store.projects import Project, list_projects

FORM_TOKEN: Final = "form_token"  # noqa: S105 - a field's name, and the key of its value in the session
# Name in the address, production time.
PERIODS: Final = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
}
DEFAULT_PERIOD: Final = "15m"
SECTIONS: Final = (
    ("/", "Overview"),
    ("/issues/", "Issues"),
    ("/performance/", "Performance"),
    ("/releases/", "Releases"),
    ("/monitors/", "Monitors"),
    ("/alerts/", "Alerts"),
    ("/stats/", "Stats"),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which project, and which span of time ending now."""

    project: Project
    projects: tuple[Project, ...]
    period: str  # its name
    now: datetime
    speed: float

    @property
    def span(self) -> timedelta:
        """Production time."""
        return PERIODS[self.period]

    @property
    def since(self) -> datetime:
        return self.now - self.span / self.speed

    @property
    def query(self) -> str:
        """The part of an address that keeps the scope; both are names that need no quoting."""
        return f"project={self.project.slug}&period={self.period}"

    def share(self, moment: datetime) -> float:
        """Where on the time axis an instant lies, 0 at the start and 1 now."""
        return (moment - self.since) / (self.now - self.since)


def find_scope(context: Context, project: str | None, period: str) -> Scope | None:
    """Return None when there is no project yet. Raises 404 for an unknown one, 400 for an unknown period."""
    projects = list_projects(context.read())
    if period not in PERIODS:
        raise HTTPException(400, f"No period {period!r}; there are {', '.join(PERIODS)}.")
    found = next((each for each in projects if project is None or each.slug == project), None)
    if found is None and project is not None:
        raise HTTPException(404, f"There is no project {project!r}.")
    return Scope(found, tuple(projects), period, context.now(), context.speed) if found else None


@dataclass(frozen=True, slots=True)
class Asked:
    """What every page can be asked for."""

    project: str | None
    period: str


def _asked(
    project: Annotated[str | None, Query(max_length=100)] = None,
    period: Annotated[str, Query(max_length=10)] = DEFAULT_PERIOD,
) -> Asked:
    return Asked(project, period)


Ask = Annotated[Asked, Depends(_asked)]


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill a template. Everything in it is escaped, unless it is Markup that this package made."""
    token = request.session.setdefault(FORM_TOKEN, secrets.token_urlsafe())
    context: Context = request.app.state.context
    extension: Extension = request.app.state.extension
    templates: Environment = request.app.state.templates
    page = templates.get_template(template)
    text = page.render(
        path=request.url.path,
        sections=(*SECTIONS, *((each.path, each.title) for each in extension.sections)),
        periods=PERIODS,
        form_token=token,
        is_open=request.app.state.is_open,
        speed=context.speed,
        is_drill=context.setting.is_drill,
        now=context.now(),
        **{"scope": None} | values,
    )
    return HTMLResponse(text, status)


def make_templates(added: str | None) -> Environment:
    """The templates of this package, and those of an added one, compiled once."""
    packages = ("embedded.pages", added) if added else ("embedded.pages",)
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(each) for each in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for module in (formats, words):
        environment.filters |= {
            name.removeprefix("show_"): found for name, found in vars(module).items() if name.startswith("show_")
        }
    return environment
